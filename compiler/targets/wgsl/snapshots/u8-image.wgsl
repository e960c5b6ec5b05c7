struct blur_uniform {
    H: i32,
    W: i32,
    image_stride0: i32,
    image_stride1: i32,
    image_offset: i32,
    smooth_stride0: i32,
    smooth_stride1: i32,
    smooth_offset: i32,
}

@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(1) var<storage, read_write> smooth_: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> args: blur_uniform;

fn load_image(at: i32) -> u32 {
    return extractBits(image[at >> 2u], u32(at & 3) << 3u, 8u);
}

// Flips those bits of the element that differ, and no others: neighbours in the word may be written meanwhile.
fn store_smooth_(at: i32, value: u32) {
    let word = at >> 2u;
    let shift = u32(at & 3) << 3u;
    let mask = 0xffu << shift;
    let bits = value;
    atomicXor(&smooth_[word], (atomicLoad(&smooth_[word]) ^ (bits << shift)) & mask);
}

@compute @workgroup_size(64)
fn blur(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let iteration = i32(id.x + id.y * groups.x * 64u);
    if (iteration >= args.H * args.W) {
        return;
    }
    // test.ir:2  parallel for y in 0..H {
    let y = iteration / args.W;
    // test.ir:3  parallel for x in 0..W {
    let x = iteration % args.W;
    // test.ir:4  reduce sum(total: i32 = 0) {
    var total_acc: i32 = 0;
    // test.ir:5  for dy in -1..2 {
    for (var dy = -1; dy < 2; dy += 1) {
        // test.ir:6  for dx in -1..2 {
        for (var dx = -1; dx < 2; dx += 1) {
            // test.ir:7  let r: i32 = y + dy
            let r = y + dy;
            // test.ir:8  let c: i32 = x + dx
            let c = x + dx;
            // test.ir:9  yield total(i32(image[r, c if 0 <= r & r < H & 0 <= c & c < W]))
            var image_value: u32 = 0u;
            if (r >= 0 && r < args.H && c >= 0 && c < args.W) {
                image_value = load_image(args.image_offset + r * args.image_stride0 + c * args.image_stride1);
            }
            total_acc += bitcast<i32>(image_value);
        }
    }
    // test.ir:4  reduce sum(total: i32 = 0) {
    let total = total_acc;
    // test.ir:13  smooth[y, x] = u8(total // 9)
    store_smooth_(args.smooth_offset + y * args.smooth_stride0 + x * args.smooth_stride1, bitcast<u32>(floor_div(total, 9)) & 0xffu);
}

// The greatest integer <= a / b.
fn floor_div(a: i32, b: i32) -> i32 {
    let quotient = a / b;
    return select(quotient, quotient - 1, a % b != 0 && (a ^ b) < 0);
}
