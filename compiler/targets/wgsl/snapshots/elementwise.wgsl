struct scale_add_uniform {
    M: i32,
    N: i32,
    x_stride0: i32,
    x_stride1: i32,
    x_offset: i32,
    s: f32,
    y_stride0: i32,
    y_stride1: i32,
    y_offset: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> args: scale_add_uniform;

@compute @workgroup_size(64)
fn scale_add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let iteration = i32(id.x + id.y * groups.x * 64u);
    if (iteration >= args.M * args.N) {
        return;
    }
    // test.ir:2  parallel for i in 0..M {
    let i = iteration / args.N;
    // test.ir:3  parallel for j in 0..N {
    let j = iteration % args.N;
    // test.ir:4  y[i, j] = x[i, j] * s + 0.1
    y[args.y_offset + i * args.y_stride0 + j * args.y_stride1] = x[args.x_offset + i * args.x_stride0 + j * args.x_stride1] * args.s + 0.1;
}
