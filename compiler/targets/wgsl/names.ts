// Names in emitted WGSL: those of the source wherever WGSL allows them. Reserved words, the types and functions
// of WGSL and the helpers are avoided, and every name is given once in its space.

import { helpers } from "./helpers.ts";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Keywords and reserved words of the WGSL specification. */
const reserved = words(`
alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let
loop override requires return struct switch true var while
NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class
co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval
constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export
extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl
implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut
mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of
operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public
readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm
static static_assert static_cast std subroutine super target template this thread_local throw trait try type typedef
typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly
yield`);

/** Types, values and functions that WGSL declares; a name of ours would hide them. */
const predeclared = words(`
bool f16 f32 i32 u32 vec2 vec3 vec4 vec2i vec3i vec4i vec2u vec3u vec4u vec2f vec3f vec4f vec2h vec3h vec4h
mat2x2 mat2x3 mat2x4 mat3x2 mat3x3 mat3x4 mat4x2 mat4x3 mat4x4 array atomic ptr sampler sampler_comparison
texture_1d texture_2d texture_3d binding_array read write read_write function private workgroup uniform storage handle
abs acos acosh all any arrayLength asin asinh atan atan2 atanh atomicAdd atomicAnd atomicCompareExchangeWeak
atomicExchange atomicLoad atomicMax atomicMin atomicOr atomicStore atomicSub atomicXor bitcast ceil clamp cos cosh
countLeadingZeros countOneBits countTrailingZeros cross degrees determinant distance dot dot4I8Packed dot4U8Packed
exp exp2 extractBits faceForward firstLeadingBit firstTrailingBit floor fma fract frexp insertBits inverseSqrt ldexp
length log log2 max min mix modf normalize pack2x16float pow quantizeToF16 radians reflect refract reverseBits round
saturate select sign sin sinh smoothstep sqrt step storageBarrier subgroupAdd tan tanh textureBarrier textureLoad
transpose trunc unpack2x16float workgroupBarrier workgroupUniformLoad`);

const taken: ReadonlySet<string> = new Set([...reserved, ...predeclared, ...Object.keys(helpers)]);

/** Gives out names, each once; a space inside another also avoids the names given there so far. */
export class NameSpace {
  private readonly given = new Set<string>();
  private readonly outer: NameSpace | undefined;

  constructor(outer?: NameSpace) {
    this.outer = outer;
  }

  private has(name: string): boolean {
    return this.given.has(name) || (this.outer?.has(name) ?? false);
  }

  /** `wish` made legal; where it is taken, `otherwise`, and then with a number behind it. */
  give(wish: string, otherwise = wish): string {
    const first = legal(wish);
    const base = this.has(first) ? legal(otherwise) : first;
    let name = taken.has(base) ? `${base}_` : base;
    for (let count = 1; this.has(name); count++) name = `${base}_${count}`;
    this.given.add(name);
    return name;
  }
}

/** WGSL identifiers: no dots, not `_` alone, no two underscores in front. Letters of any script may stay. */
function legal(wish: string): string {
  const plain = wish.replace(/[^\p{XID_Continue}]+/gu, "_").replace(/^_+/, "");
  if (plain === "") return "value";
  return /^\p{XID_Start}/u.test(plain) ? plain : `v${plain}`;
}
