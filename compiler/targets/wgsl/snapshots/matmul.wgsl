struct matmul_uniform {
    M: i32,
    K: i32,
    N: i32,
    a_stride0: i32,
    a_stride1: i32,
    a_offset: i32,
    b_stride0: i32,
    b_stride1: i32,
    b_offset: i32,
    c_stride0: i32,
    c_stride1: i32,
    c_offset: i32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> args: matmul_uniform;

@compute @workgroup_size(64)
fn matmul(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let iteration = i32(id.x + id.y * groups.x * 64u);
    if (iteration >= args.M * args.N) {
        return;
    }
    // test.ir:2  parallel for i in 0..M {
    let i = iteration / args.N;
    // test.ir:3  parallel for j in 0..N {
    let j = iteration % args.N;
    // test.ir:4  reduce sum(total: f32 = 0.0) { for k in 0..K { yield total(a[i, k] * b[k, j]) } }
    var total_acc: f32 = 0.0;
    for (var k = 0; k < args.K; k += 1) {
        total_acc += a[args.a_offset + i * args.a_stride0 + k * args.a_stride1] * b[args.b_offset + k * args.b_stride0 + j * args.b_stride1];
    }
    let total = total_acc;
    // test.ir:5  c[i, j] = total
    c[args.c_offset + i * args.c_stride0 + j * args.c_stride1] = total;
}
