struct softsign_uniform {
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
@group(0) @binding(2) var<uniform> args: softsign_uniform;

@compute @workgroup_size(64)
fn softsign(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    // softsign.kern:3  for i in range(M):
    let i = i32(id.x + id.y * groups.x * 64u);
    if (i >= args.M) {
        return;
    }
    // softsign.kern:5  let peak = max(abs(x[i, j]) for j in range(N))
    var max_acc: f32 = f32_from_bits(0xff800000u);
    for (var j = 0; j < args.N; j += 1) {
        max_acc = max(max_acc, abs(x[args.x_offset + i * args.x_stride0 + j * args.x_stride1]));
    }
    let max_ = max_acc;
    // softsign.kern:6  for j in range(N):
    for (var j_1 = 0; j_1 < args.N; j_1 += 1) {
        // softsign.kern:7  let scaled = x[i, j] / (1 + peak)
        let scaled = x[args.x_offset + i * args.x_stride0 + j_1 * args.x_stride1] / (max_ + 1.0);
        // softsign.kern:8  y[i, j] = scaled if scaled > 0 else -scaled
        let cond = scaled > 0.0;
        y[args.y_offset + i * args.y_stride0 + j_1 * args.y_stride1] = select(-scaled, scaled, cond);
    }
}

fn f32_from_bits(bits: u32) -> f32 {
    return bitcast<f32>(bits);
}
