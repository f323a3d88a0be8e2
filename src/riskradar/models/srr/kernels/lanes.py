"""A row of an array as one value: compiled code adds, multiplies and sums by head whole embeddings in vector registers.

Heads stand one after the other in a row of heads * size numbers; every sum is taken in one fixed order, so that its bits depend on nothing else.
"""

import operator
from collections.abc import Callable
from math import factorial, log
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_REAL = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
_EXP = {types.float32: (7, 23, 127, -87.0, _I32), types.float64: (13, 52, 1023, -708.0, _I64)}  # terms, mantissa bits, bias, least argument
_LN2 = {types.float32: (0.693359375, -2.12194440054690583e-4), types.float64: (6.93145751953125e-1, 1.42860682030941723212e-6)}  # Cephes: two parts
Value = Any  # llvmlite values and builders are untyped


def intrinsic(generate: Callable[..., Any]) -> Any:
    """Typed as its callers see it: without the typing context."""
    return _intrinsic(generate)


class Lanes(types.Type):
    """So many numbers of one kind in registers."""

    def __init__(self, dtype: Any, count: int) -> None:
        super().__init__(name=f"Lanes({dtype}, {count})")
        self.dtype, self.count = dtype, count

    @property
    def vector(self) -> Value:
        """Its LLVM type."""
        return ir.VectorType(_REAL[self.dtype], self.count)


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm: Any, kind: Lanes) -> None:
        super().__init__(dmm, kind, kind.vector)  # type: ignore[no-untyped-call]


def _constant(kind: Lanes, number: float) -> Value:
    return ir.Constant(kind.vector, [ir.Constant(_REAL[kind.dtype], number)] * kind.count)


def _shuffle(b: Value, value: Value, lanes: list[int]) -> Value:
    return b.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def _call(b: Value, name: str, *values: Value) -> Value:
    vector = values[0].type
    suffix = f"v{vector.count}f{32 if vector.element == ir.FloatType() else 64}"
    function = ir.FunctionType(vector, [vector] * len(values))
    return b.call(cgutils.get_or_insert_function(b.module, function, f"llvm.{name}.{suffix}"), values)  # type: ignore[no-untyped-call]


def _place(context: Value, b: Value, array: Any, value: Value, offset: Value, vector: Value) -> Value:
    base = context.make_array(array)(context, b, value).data
    return b.bitcast(b.gep(base, [offset]), vector.as_pointer())


@intrinsic
def load(typing: Any, array: Any, offset: Any, count: Any) -> Any:
    """`count` numbers of a contiguous array from element `offset` on."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    kind = Lanes(array.dtype, count.literal_value)

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        value = b.load(_place(context, b, array, arguments[0], arguments[1], kind.vector))
        value.align = array.dtype.bitwidth // 8
        return value

    return kind(array, types.int64, count), generate


@intrinsic
def store(typing: Any, array: Any, offset: Any, lanes: Any) -> Any:
    """Write all lanes to a contiguous array from element `offset` on."""

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        written = b.store(arguments[2], _place(context, b, array, arguments[0], arguments[1], lanes.vector))
        written.align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


@intrinsic
def fill(typing: Any, array: Any, number: Any, count: Any) -> Any:
    """`count` lanes of one number, of the kind that the array holds."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    kind = Lanes(array.dtype, count.literal_value)

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        one = b.insert_element(ir.Constant(kind.vector, ir.Undefined), arguments[1], _I32(0))
        return _shuffle(b, one, [0] * kind.count)

    return kind(array, array.dtype, count), generate


def _operator(symbol: Any, name: str) -> None:
    """Let compiled code write `symbol` between equal lanes."""

    @infer_global(symbol)  # type: ignore[no-untyped-call]
    class Pair(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            return args[0](*args) if len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1] else None

    @lower_builtin(symbol, Lanes, Lanes)  # type: ignore[no-untyped-call, untyped-decorator]
    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        return getattr(b, name)(*arguments)


for _symbol, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv")):
    _operator(_symbol, _name)


@intrinsic
def larger(typing: Any, left: Any, right: Any) -> Any:
    """The larger of each pair."""

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        return b.select(b.fcmp_ordered(">", *arguments), *arguments)

    return left(left, right), generate


@intrinsic
def where_positive(typing: Any, test: Any, yes: Any, no: Any) -> Any:
    """The lane of `yes` where that of `test` is above 0, else that of `no`."""

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        zero = ir.Constant(test.vector, None)
        return b.select(b.fcmp_ordered(">", arguments[0], zero), arguments[1], arguments[2])

    return yes(test, yes, no), generate


@intrinsic
def by_head(typing: Any, lanes: Any, heads: Any) -> Any:
    """Sum the numbers of each head: halves are added until one is left."""
    kind = Lanes(lanes.dtype, heads.literal_value) if isinstance(heads, types.IntegerLiteral) else None
    if kind is None:
        return None

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        value, size = arguments[0], lanes.count // kind.count
        while size > 1:
            half, rest = size // 2, size % 2
            parts = [[h * size + start + c for h in range(kind.count) for c in range(half)] for start in (0, half)]
            total = b.fadd(_shuffle(b, value, parts[0]), _shuffle(b, value, parts[1]))
            if rest:  # the odd one joins the first of its head
                odd = [h * size + size - 1 for h in range(kind.count) for _ in range(half)]
                keep = ir.Constant(ir.VectorType(ir.IntType(1), len(odd)), [ir.IntType(1)(c == 0) for _ in range(kind.count) for c in range(half)])
                total = b.fadd(total, b.select(keep, _shuffle(b, value, odd), ir.Constant(total.type, None)))
            value, size = total, half
        return _call(b, "arithmetic.fence", value)  # or what follows may be added in between

    return kind(lanes, heads), generate


@intrinsic
def highest(typing: Any, lanes: Any, heads: Any) -> Any:
    """The largest number of each head over the rows that stand one after the other; a power of two of them."""
    kind = Lanes(lanes.dtype, heads.literal_value) if isinstance(heads, types.IntegerLiteral) else None
    if kind is None:
        return None

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        value = arguments[0]
        while (count := value.type.count) > kind.count:
            left, right = (_shuffle(b, value, list(range(start, start + count // 2))) for start in (0, count // 2))
            value = b.select(b.fcmp_ordered(">", left, right), left, right)
        return value

    return kind(lanes, heads), generate


@intrinsic
def to_heads(typing: Any, lanes: Any, count: Any) -> Any:
    """Repeat the number of each head over its part of `count` lanes."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    kind = Lanes(lanes.dtype, count.literal_value)

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        return _shuffle(b, arguments[0], [c * lanes.count // kind.count for c in range(kind.count)])

    return kind(lanes, count), generate


@intrinsic
def join(typing: Any, left: Any, right: Any) -> Any:
    """All lanes of `left`, then all of `right`."""
    kind = Lanes(left.dtype, 2 * left.count)

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        lanes = ir.Constant(ir.VectorType(_I32, kind.count), list(range(kind.count)))
        return b.shuffle_vector(*arguments, lanes)

    return kind(left, left), generate


@intrinsic
def repeat(typing: Any, lanes: Any, count: Any) -> Any:
    """All lanes again and again, up to `count`."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    kind = Lanes(lanes.dtype, count.literal_value)

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        return _shuffle(b, arguments[0], [c % lanes.count for c in range(kind.count)])

    return kind(lanes, count), generate


@intrinsic
def logarithm(typing: Any, lanes: Any) -> Any:
    """The natural logarithm of each lane."""
    return lanes(lanes), lambda context, b, signature, arguments: _call(b, "log", *arguments)


@intrinsic
def exponential(typing: Any, lanes: Any) -> Any:
    """Power of e of each lane, none above 0: 2^n times a Taylor series of what is left, within two units in the last place."""
    terms, bits, bias, least, word = _EXP[lanes.dtype]

    def generate(context: Value, b: Value, signature: Any, arguments: Any) -> Value:
        whole, floor = ir.VectorType(word, lanes.count), _constant(lanes, least)
        x = b.select(b.fcmp_ordered(">", arguments[0], floor), arguments[0], floor)
        n = _call(b, "nearbyint", b.fmul(x, _constant(lanes, 1 / log(2))))
        rest = x
        for part in _LN2[lanes.dtype]:
            rest = _call(b, "fma", b.fneg(n), _constant(lanes, part), rest)
        series = _constant(lanes, 1 / factorial(terms))
        for term in range(terms - 1, -1, -1):
            series = _call(b, "fma", series, rest, _constant(lanes, 1 / factorial(term)))
        biased = b.add(b.fptosi(n, whole), ir.Constant(whole, [word(bias)] * lanes.count))
        return b.fmul(series, b.bitcast(b.shl(biased, ir.Constant(whole, [word(bits)] * lanes.count)), lanes.vector))

    return lanes(lanes), generate
