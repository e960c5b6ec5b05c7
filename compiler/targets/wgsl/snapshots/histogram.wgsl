struct histogram_uniform {
    N: i32,
    B: i32,
    x_stride0: i32,
    x_offset: i32,
    bins_stride0: i32,
    bins_offset: i32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> bins: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> args: histogram_uniform;

fn load_x(at: i32) -> u32 {
    return extractBits(x[at >> 2u], u32(at & 3) << 3u, 8u);
}

@compute @workgroup_size(64)
fn histogram(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    // test.ir:2  parallel for i in 0..N {
    let i = i32(id.x + id.y * groups.x * 64u);
    if (i >= args.N) {
        return;
    }
    // test.ir:3  atomic add bins[i32(x[i]) % B] = 1:u32
    atomicAdd(&bins[args.bins_offset + bitcast<i32>(load_x(args.x_offset + i * args.x_stride0)) % args.B * args.bins_stride0], 1u);
}
