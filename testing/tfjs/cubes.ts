// A user's op with its gradient, as TensorFlow.js is given one on a GPU, in Node and in a page.

export const cubes = `
@op("user::Cubed")
kernel cubed(x: Tensor[f32, *S], out y: Tensor[f32, *S]):
    for i in grid(*S):
        y[*i] = x[*i] * x[*i] * x[*i]

kernel cubed_gradient(x: Tensor[f32, *S], d_y: Tensor[f32, *S], out d_x: Tensor[f32, *S]):
    for i in grid(*S):
        d_x[*i] = 3 * x[*i] * x[*i] * d_y[*i]
`;
