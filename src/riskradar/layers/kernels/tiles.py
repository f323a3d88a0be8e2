"""Tile products in vector registers: 8 x LANES dot products at a time, written once in LLVM IR for three element types.

Operands are panels [panels, depth, LANES, per]: LANES assets side by side, `per` sessions inside each 32-bit lane.

========  ===  ============================================  =================================================
element   per  one step                                      exact while
========  ===  ============================================  =================================================
int16      2   pmaddwd, fused with the addition under VNNI   W <= 1,860: partial sums <= W(W^2-1)/3 < 2^31
int8       4   vpdpbusd (AVX-512 VNNI only)                  W <= 128: ranks fit in int8
float64    1   fused multiply-add, sessions in order         never exact; the same rounding wherever a pair lies
========  ===  ============================================  =================================================

vpdpbusd multiplies unsigned by signed bytes, so its left operand is rank + 128; the offset adds 128 times the sum of the other
asset's centred ranks, which is zero. A partial sum over the first k sessions is bounded by Cauchy-Schwarz like the whole one:
|sum a b| <= sqrt(sum a^2 sum b^2) <= W(W^2-1)/3; the offset adds at most 128 * 127 * 128 < 2^22.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

_CHOSEN: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]
_FEATURES = (get_host_cpu_features() if _CHOSEN is None else _CHOSEN).split(",")  # type: ignore[no-untyped-call]
_WIDE, _AVX2 = "+avx512bw" in _FEATURES, "+avx2" in _FEATURES
BYTES = _WIDE and "+avx512vnni" in _FEATURES  # the processor multiplies int8 in fours
LANES = 16 if _WIDE else 8
ROWS = 8  # one tile: ROWS x LANES sums in registers

_I8, _I16, _I32, _I64, _F32, _F64 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_SUM = ir.VectorType(_I32, LANES)
Value = Any  # llvmlite values and builders are untyped


def _splat(b: Value, scalar: Value) -> Value:
    vector = ir.VectorType(scalar.type, LANES)
    first = b.insert_element(ir.Constant(vector, ir.Undefined), scalar, _I32(0))
    return b.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(_SUM, [_I32(0)] * LANES))


def _external(b: Value, name: str, out: Value, *arguments: Value) -> Value:
    function = ir.FunctionType(out, [a.type for a in arguments])
    return b.call(cgutils.get_or_insert_function(b.module, function, name), arguments)  # type: ignore[no-untyped-call]


def _multiply_int16(b: Value, total: Value, left: Value, right: Value) -> Value:
    halves = ir.VectorType(_I16, 2 * LANES)
    left, right = b.bitcast(left, halves), b.bitcast(right, halves)
    if _WIDE or _AVX2:
        return b.add(total, _external(b, "llvm.x86.avx512.pmaddw.d.512" if _WIDE else "llvm.x86.avx2.pmadd.wd", _SUM, left, right))
    for odd in (0, 1):
        pick = ir.Constant(_SUM, [_I32(2 * lane + odd) for lane in range(LANES)])
        a, c = (b.sext(b.shuffle_vector(v, ir.Constant(halves, ir.Undefined), pick), _SUM) for v in (left, right))
        total = b.add(total, b.mul(a, c))
    return total


def _multiply_int8(b: Value, total: Value, left: Value, right: Value) -> Value:
    return _external(b, "llvm.x86.avx512.vpdpbusd.512", _SUM, total, left, right)


def _multiply_float64(b: Value, total: Value, left: Value, right: Value) -> Value:
    return _external(b, f"llvm.fma.v{LANES}f64", total.type, left, right, total)


_MULTIPLY: dict[Any, tuple[Callable[..., Value], Value]] = {
    types.int16: (_multiply_int16, _I32),
    types.int8: (_multiply_int8, _I32),
    types.float64: (_multiply_float64, _F64),
}


def _load(b: Value, base: Value, offset: Value, kind: Value) -> Value:
    value = b.load(b.bitcast(b.gep(base, [offset]), kind.as_pointer()))
    value.align = 4
    return value


def _products(b: Value, element: Any, operands: tuple[Value, Value], place: tuple[Value, Value, Value]) -> list[Value]:
    """ROWS vectors: the dot products of assets row … row+ROWS-1 with the LANES assets of `panel`."""
    multiply, word = _MULTIPLY[element]
    left, right = (b.bitcast(pointer, word.as_pointer()) for pointer in operands)
    row, panel, depth = place
    lanes = _I64(LANES)
    first = b.add(b.mul(b.mul(b.udiv(row, lanes), depth), lanes), b.urem(row, lanes))
    start, vector = b.mul(b.mul(panel, depth), lanes), ir.VectorType(word, LANES)
    entry, loop, done = b.block, b.append_basic_block("sessions"), b.append_basic_block("summed")
    b.branch(loop)
    b.position_at_end(loop)
    step, totals = b.phi(_I64), [b.phi(vector) for _ in range(ROWS)]
    shift = b.mul(step, lanes)
    column = _load(b, right, b.add(start, shift), vector)
    rows = [_splat(b, _load(b, left, b.add(b.add(first, shift), _I64(m)), word)) for m in range(ROWS)]
    sums = [multiply(b, total, value, column) for total, value in zip(totals, rows, strict=True)]
    following = b.add(step, _I64(1))
    for phi, begin, then in ((step, _I64(0), following), *((p, ir.Constant(vector, None), s) for p, s in zip(totals, sums, strict=True))):
        phi.add_incoming(begin, entry)
        phi.add_incoming(then, loop)
    b.cbranch(b.icmp_signed("<", following, depth), loop, done)
    b.position_at_end(done)
    return sums


def _pointers(context: Value, b: Value, signature: Any, arguments: Any) -> list[Value]:
    return [context.make_array(t)(context, b, a).data if isinstance(t, types.Array) else a for t, a in zip(signature.args, arguments, strict=True)]


@intrinsic
def store_tile(typing: Any, left: Any, right: Any, row: Any, panel: Any, depth: Any, out: Any) -> Any:
    """Write the products of `row` … row+ROWS-1 with `panel` to columns panel*LANES … of out [ROWS, columns]."""
    integer = types.int64

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        left_, right_, *place, out_ = _pointers(context, b, signature, arguments)
        columns = b.extract_value(context.make_array(out)(context, b, arguments[-1]).shape, 1)
        for m, total in enumerate(_products(b, right.dtype, (left_, right_), tuple(place))):
            offset = b.add(b.mul(columns, _I64(m)), b.mul(place[1], _I64(LANES)))
            b.store(total, b.bitcast(b.gep(out_, [offset]), total.type.as_pointer())).align = 4
        return context.get_dummy_value()

    return types.void(left, right, integer, integer, integer, out), generate


@intrinsic
def compare_tile(
    typing: Any, left: Any, right: Any, row: Any, panel: Any, depth: Any, scales: Any, keep: Any, flip: Any, maybe: Any, sure: Any
) -> Any:  # fmt: skip
    """Compare |product| with low[row] root[column] and with high[row] root[column]; scales is [3, columns]: low, high, root.

    Bits of the first go to bytes panel*LANES/8 … of maybe [ROWS, columns/8], bits of the second to sure [ROWS, LANES/8]; True when they
    differ anywhere. Before the comparison a product's bits are cut with `keep` (which drops the sign) and turned with `flip` (which
    changes it). NaN compares false.
    """
    real, word = (_F64, _I64) if scales.dtype == types.float64 else (_F32, _I32)
    mask = types.uint64 if scales.dtype == types.float64 else types.uint32
    integer = types.int64

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        left_, right_, row_, panel_, depth_, scales_, keep_, flip_, maybe_, sure_ = _pointers(context, b, signature, arguments)
        columns = b.extract_value(context.make_array(scales)(context, b, arguments[5]).shape, 1)
        sums = _products(b, right.dtype, (left_, right_), (row_, panel_, depth_))
        vector, bits = ir.VectorType(real, LANES), ir.VectorType(word, LANES)
        first = b.mul(panel_, _I64(LANES))
        root = _load(b, scales_, b.add(b.mul(columns, _I64(2)), first), vector)
        keep_, flip_, doubt = _splat(b, keep_), _splat(b, flip_), ir.Constant(ir.VectorType(ir.IntType(1), LANES), None)
        for m, total in enumerate(sums):
            value = total if total.type == vector else b.sitofp(total, vector)
            value = b.bitcast(b.xor(b.and_(b.bitcast(value, bits), keep_), flip_), vector)
            low, high = (_splat(b, _load(b, scales_, b.add(b.add(row_, _I64(m)), b.mul(columns, _I64(n))), real)) for n in (0, 1))
            reach, clear = (b.fcmp_ordered(">=", value, b.fmul(scale, root)) for scale in (low, high))
            doubt = b.or_(doubt, b.xor(reach, clear))
            byte = b.udiv(b.add(b.mul(columns, _I64(m)), first), _I64(8))
            for out, offset, found in ((maybe_, byte, reach), (sure_, _I64(m * LANES // 8), clear)):
                found = b.bitcast(found, ir.IntType(LANES))
                b.store(found, b.bitcast(b.gep(out, [offset]), found.type.as_pointer())).align = 1
        return b.icmp_unsigned("!=", b.bitcast(doubt, ir.IntType(LANES)), ir.IntType(LANES)(0))

    return types.boolean(left, right, integer, integer, integer, scales, mask, mask, maybe, sure), generate
