"""Write docs/systemic-2008.md, the tail measures of 20 US financial firms on 2008-09-12: python docs/systemic_2008.py FILE.

FILE: Parquet rows with date, ticker, price, market_cap_musd and cds_bp (TommasoBelluzzo/SystemicRisk, Example_Large, as long rows).
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from riskradar.measures import MeasuresConfig, tail

OUT = Path(__file__).parent / "systemic-2008.md"
DAY, LATER = "2008-09-12", "2009-03-06"
CAPITAL = (0.055, tail.CAPITAL)  # share of assets that a firm must hold (Brownlees and Engle 2017 take 5.5 % under IFRS)
LEVERAGE = (5, 10, 20, 40)  # debt per dollar of market value
SHOWN = (10, 20)
FATE = {
    "AIG": "Federal Reserve loan on 16 September [1]; state capital [3]",
    "AXP": "state capital [5]",
    "BAC": "announced to buy Merrill Lynch on 15 September [1]; state capital on 28 October [2], again in January 2009, assets guaranteed [3]",
    "BK": "state capital on 28 October [2]",
    "C": "state capital on 28 October [2], a second time, assets guaranteed [3]",
    "COF": "state capital on 14 November [2]",
    "FMCC": "conservatorship on 7 September, five days before [1]",
    "FNMA": "conservatorship on 7 September, five days before [1]",
    "GS": "to become a bank holding company, 21 September [1]; state capital on 28 October [2]",
    "JPM": "state capital on 28 October [2]",
    "LEH": "bankrupt on 15 September [1]",
    "MS": "to become a bank holding company, 21 September [1]; state capital on 28 October [2]",
    "PNC": "state capital [4]", "STT": "state capital on 28 October [2]", "USB": "state capital [4, 5]", "WFC": "state capital on 28 October [2]",
}  # fmt: skip
WEEK = ("FNMA", "FMCC", "LEH", "AIG")  # seized, bankrupt or lent to between 7 and 16 September
HEADER = (
    "firm", "value, bn", "CDS, bp", "MES, %", "delta-CoVaR, %", "LRMES, %", "debt it can carry", *(f"SRISK at {x}, bn" for x in SHOWN),
    "ranks on the grid", "price to 6 March 2009, %",
)  # fmt: skip


def measured(path: Path) -> pd.DataFrame:
    """One row per firm, by the debt that it can carry; every column but the last from what was known at the close of DAY, a year of log returns."""
    rows, config = pd.read_parquet(path), MeasuresConfig()
    price, value, spread = (rows.pivot(index="date", columns="ticker", values=c) for c in ("price", "market_cap_musd", "cds_bp"))
    growth = np.log(price).diff()
    weight = value.shift(1)
    system = (growth * weight).sum(axis=1) / weight.where(growth.notna()).sum(axis=1)
    year = growth.loc[:DAY].iloc[-config.tail_window :]
    returns, market = year.to_numpy(), system.loc[year.index].to_numpy()
    shortfall = tail.marginal_shortfall(returns, market, config.tail)
    loss = tail.long_run(shortfall)
    out = pd.DataFrame({"value": value.loc[DAY] / 1000, "cds": spread.loc[DAY], "mes": 100 * shortfall}, index=year.columns)
    out["covar"] = 100 * tail.delta_covar(returns, market, config.tail)[1]
    out["lrmes"] = 100 * loss
    out["carries"] = (1 - tail.CAPITAL) / tail.CAPITAL * (1 - loss)
    equity = out["value"].to_numpy()
    for x in SHOWN:
        out[f"srisk{x}"] = tail.srisk(x * equity, equity, loss)
    grid = pd.DataFrame({(k, x): tail.srisk(x * equity, equity, loss, k) for k, x in itertools.product(CAPITAL, LEVERAGE)}, index=out.index)
    ranks = grid.rank(ascending=False).astype(int)
    out["ranks"] = [f"{low}-{high}" for low, high in zip(ranks.min(axis=1), ranks.max(axis=1), strict=True)]
    out["after"] = 100 * (price.loc[DAY:LATER].ffill().iloc[-1] / price.loc[DAY] - 1)
    return out.sort_values("carries")


def page(firms: pd.DataFrame) -> str:
    """The Markdown page: the table, how rankings agree with what came, and each firm's fate."""
    formats = dict.fromkeys(("value", "mes", "carries"), "{:.1f}") | dict.fromkeys(("cds", "lrmes", "srisk10", "srisk20", "after"), "{:.0f}")
    formats |= {"covar": "{:.2f}", "ranks": "{}"}
    order = ("value", "cds", "mes", "covar", "lrmes", "carries", "srisk10", "srisk20", "ranks", "after")
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    lines += [f"| {name} | {' | '.join(formats[c].format(row[c]) for c in order)} |" for name, row in firms.iterrows()]
    seen = {
        "MES, and debt it can carry": firms.mes, "SRISK at 10": firms.srisk10, "SRISK at 20": firms.srisk20, "delta-CoVaR": -firms.covar,
        "CDS": firms.cds, "market value alone": firms.value,
    }  # fmt: skip
    agree = []
    for name, score in seen.items():
        ranks = score.rank(ascending=False).astype(int)
        places = ", ".join(f"{firm} {ranks[firm]}" for firm in WEEK)
        agree.append(f"| {name} | {score.corr(-firms.after, method='spearman'):.1f} | {', '.join(score.nlargest(5).index)} | {places} |")
    fates = "\n".join(f"* {name}: {FATE[name]}." for name in firms.index if name in FATE)
    return TEXT.format(table="\n".join(lines), agree="\n".join(agree), fates=fates, firms=len(firms))


TEXT = """# The Friday before Lehman: tail measures of 20 US financial firms on 2008-09-12

Generated by `python docs/systemic_2008.py FILE`. 252 sessions of log returns up to the close of Friday; the system is the value-weighted mean of
the {firms} firms; tail 5 %. Every number of the tables is from the file: prices, market values, spreads of credit default swaps (CDS). LRMES is 1 -
exp(-18 MES).

**The file has no debts**, so the SRISK of the literature, 8 % of each firm's own debt less what is left of its market value in a crisis, cannot be
had from it. What can: the debt per dollar of market value that a firm *can carry* before it lacks capital in a crisis, (1-k)/k (1-LRMES) with k = 8
%; SRISK *if* every firm had the same 10 or 20 dollars of debt per dollar of market value; and the lowest and highest rank of SRISK over k of 5.5
and 8 % and 5, 10, 20 and 40 dollars.

{table}

How each ranking agrees with the fall of the price until 6 March 2009 (Spearman, {firms} firms), its first five, and the places of the four that
were seized, bankrupt or lent to by the state from 7 to 16 September:

| ranked by | rank correlation with the later fall | first five | places of the four |
|---|---|---|---|
{agree}

## What happened

{fates}

No source names state capital for ALL, BRK, MET or PRU. Sources: [1] ABC News, *Third quarter's events in the financial crisis*, 1 October 2008,
abcnews.go.com/Business/story?id=5928299. [2] GAO-09-161, table 1 (purchases up to 25 November 2008), as reprinted at
virginiadem.wordpress.com/2008/12/22. [3] *Troubled Asset Relief Program: Participants*, liquisearch.com/troubled_asset_relief_program/participants.
[4] *TARP recipients*, successfulportfolios.com/tarp-recipients. [5] *Companies repaying TARP funds*, ih.advfn.com/stock-market/stock-news/38174255.

## What the ranking says, and what it does not

* Ordered by the debt that they could carry (the order of MES), the first four of {firms} are the four that fell between 7 and 16 September:
  Lehman, which could carry less than a dollar of debt per dollar of market value, Freddie Mac, AIG, Fannie Mae. For Freddie and Fannie that is a
  description and no warning: they had been taken over five days before, and their own collapse is among the days that the measure reads.
* Capital One comes fifth and was helped no more than banks far below it. Then follow Citigroup and Bank of America, the two that the state had
  to help twice, and Morgan Stanley. Berkshire and Allstate stand last, and no source has them helped; MetLife and Prudential stand just before
  them, and their prices fell by more than those of most banks.
* SRISK at one leverage for all is size: its first five are those of market value but for one name at most, and Freddie, Fannie and Lehman stand
  near the end because hardly any market value was left to multiply. Their debts had not shrunk with it. So the rank of a dying firm by SRISK is
  decided by a number that this file does not hold: between 2 and 18 for Lehman on the grid. Only firms with a narrow range (AXP, Citigroup,
  Morgan Stanley) have a rank worth the name.
* Delta-CoVaR agrees best with the later fall, yet it has Freddie last and Fannie eighteenth. With {firms} firms whose fates were one event, no
  difference in the second table is worth a claim. Prices to March 2009 also flatter firms that had already lost nearly everything (Freddie,
  Fannie).
* Of the twenty, thirteen were given state capital, so that "was helped" separates little.
* The file's spread of FMCC (46 bp beside 1,552 for FNMA) is out of line with its twin, and is taken as it stands.
* The list was drawn up by people who knew 2008: it holds Lehman and not the hundreds of firms to which nothing happened.
"""


def main() -> None:
    """Read FILE, write the page."""
    OUT.write_text(page(measured(Path(sys.argv[1]))), "utf-8")


if __name__ == "__main__":
    main()
