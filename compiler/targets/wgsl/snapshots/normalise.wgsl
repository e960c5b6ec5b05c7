struct normalise_uniform {
    M: i32,
    N: i32,
    x_stride0: i32,
    x_stride1: i32,
    x_offset: i32,
    y_stride0: i32,
    y_stride1: i32,
    y_offset: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> args: normalise_uniform;

@compute @workgroup_size(64)
fn normalise(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    // test.ir:2  parallel for i in 0..M {
    let i = i32(id.x + id.y * groups.x * 64u);
    if (i >= args.M) {
        return;
    }
    // test.ir:3  reduce max(peak: f32 = -inf) { for j in 0..N { yield peak(x[i, j]) } }
    var peak_acc: f32 = f32_from_bits(0xff800000u);
    for (var j = 0; j < args.N; j += 1) {
        peak_acc = max(peak_acc, x[args.x_offset + i * args.x_stride0 + j * args.x_stride1]);
    }
    let peak = peak_acc;
    // test.ir:4  reduce sum(total: f32 = 0.0) { for k in 0..N { yield total(abs(x[i, k] - peak)) } }
    var total_acc: f32 = 0.0;
    for (var k = 0; k < args.N; k += 1) {
        total_acc += abs(x[args.x_offset + i * args.x_stride0 + k * args.x_stride1] - peak);
    }
    let total = total_acc;
    // test.ir:5  for l in 0..N {
    for (var l = 0; l < args.N; l += 1) {
        // test.ir:6  y[i, l] = (x[i, l] - peak) / (total + 1.0)
        y[args.y_offset + i * args.y_stride0 + l * args.y_stride1] = (x[args.x_offset + i * args.x_stride0 + l * args.x_stride1] - peak) / (total + 1.0);
    }
}

fn f32_from_bits(bits: u32) -> f32 {
    return bitcast<f32>(bits);
}
