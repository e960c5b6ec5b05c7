struct spmv_uniform {
    P: i32,
    E: i32,
    N: i32,
    M: i32,
    first_stride0: i32,
    first_offset: i32,
    column_stride0: i32,
    column_offset: i32,
    value_stride0: i32,
    value_offset: i32,
    x_stride0: i32,
    x_offset: i32,
    y_stride0: i32,
    y_offset: i32,
}

@group(0) @binding(0) var<storage, read> first: array<i32>;
@group(0) @binding(1) var<storage, read> column: array<i32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> status: atomic<u32>;
@group(0) @binding(6) var<uniform> args: spmv_uniform;

@compute @workgroup_size(64)
fn spmv(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    // test.ir:2  parallel for row in 0..M {
    let row = i32(id.x + id.y * groups.x * 64u);
    if (row >= args.M) {
        return;
    }
    // test.ir:3  let from: i32 = first[row]
    let from_ = first[args.first_offset + row * args.first_stride0];
    // test.ir:4  let to: i32 = first[row + 1]
    let to = first[args.first_offset + (row + 1) * args.first_stride0];
    // test.ir:5  assert 0 <= from & to <= E, "the row's elements lie in the matrix"
    if (!(from_ >= 0 && to <= args.E)) {
        atomicMax(&status, 1u);
        return;
    }
    // test.ir:6  var sum: f32 = 0.0
    var sum: f32 = 0.0;
    // test.ir:7  for e in from..to {
    for (var e = from_; e < to; e += 1) {
        // test.ir:8  let c: i32 = column[e]
        let c = column[args.column_offset + e * args.column_stride0];
        // test.ir:9  assert 0 <= c & c < N, "the column exists"
        if (!(c >= 0 && c < args.N)) {
            atomicMax(&status, 2u);
            return;
        }
        // test.ir:10  sum = sum + value[e] * x[c]
        sum += value[args.value_offset + e * args.value_stride0] * x[args.x_offset + c * args.x_stride0];
    }
    // test.ir:12  y[row] = sum
    y[args.y_offset + row * args.y_stride0] = sum;
}
