"""A batch beside what is stored: nothing is lost, whatever comes in whatever order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from riskradar.store.blocks import NEVER, Rows, pack, unpack
from riskradar.store.judge import compare

NAMES = ("of", "date", "known", "value")
row = st.tuples(st.integers(1, 2), st.integers(0, 2), st.sampled_from([NEVER, 0, 1, 2, 3]), st.sampled_from([1.0, 2.0, 3.0]))
batches = st.lists(st.lists(row, max_size=12), min_size=1, max_size=4)


def rows(of):
    columns = zip(*of, strict=True) if of else ((), (), (), ())
    made = Rows(*(np.array(c, t) for c, t in zip(columns, (np.int32, np.int32, np.int32, float), strict=True)))
    return Rows(made.of, made.date, np.where(made.known == NEVER, NEVER, made.known + made.date).astype(np.int32), made.value)


def told(some):
    return [getattr(some, name).tolist() for name in NAMES]


@given(batches, st.integers(0, 9))
def test_rows_in_are_rows_told(given_batches, seed):
    stored = rows([])
    for today, batch in enumerate(map(rows, given_batches), 5):
        order = np.random.default_rng(seed).permutation(len(batch))
        verdict, mixed = compare(batch, stored.newest(), today), compare(batch.take(order), stored.newest(), today)
        assert len(batch) == len(verdict.fresh) + verdict.identical + verdict.conflict.sum()
        assert told(verdict.fresh) == told(mixed.fresh)
        assert (verdict.conflict[order] == mixed.conflict).all()
        assert verdict.corrected <= len(verdict.fresh)
        stored = Rows.joined([stored, verdict.fresh])
        again = compare(batch, stored.newest(), today + 1)
        assert not (again.conflict != verdict.conflict).any()
        days = {dated: set(batch.about()[(batch.known != NEVER) == dated].tolist()) for dated in (True, False)}
        if not days[True] & days[False]:  # an undated row is compared with the newest vintage of its day, whichever that is by now
            assert len(again.fresh) == 0


@given(st.lists(row))
def test_packed_rows_come_back_bit_by_bit(given_rows):
    some = rows(given_rows)
    assert told(unpack(pack(some), len(some))) == told(some)
