"""XmR charts against what NHSRplotthedots publishes, and the rules one by one.

Source: github.com/nhs-r-community/NHSRplotthedots at 050b07d (licence MIT); the figures of its
README's example are those of `ae_attendances` in NHSRdatasets (RQM, type 1, before April 2018).
"""

from __future__ import annotations

import pytest

from followup.domain.figures.xmr import Signal, chart_of

NORMAL = [
    -0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621,
    -1.26506123, -0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272,
    -0.55584113, 1.78691314, 0.49785048, -1.96661716, 0.70135590, -0.47279141,
]  # fmt: skip
"""`set.seed(123); rnorm(20)` of test-ptd_spc_standard.R."""
ONE_OUTLIER = [*NORMAL[:14], 10, *NORMAL[15:]]
VIGNETTE = [1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]
"""Of the vignette "Deviations from Excel defaults"."""
BREACHES = [
    1199, 929, 970, 1178, 1110, 1388, 2061, 1985, 2675, 3141, 1942, 2030,
    1309, 1960, 1169, 1117, 1085, 1492, 1280, 1197, 1569, 1406, 1328, 1564,
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "screened", "published", "within"),
    [
        # tests/testthat/_snaps/ptd_spc_standard.md
        (NORMAL, False, (0.1416238, -3.01138, 3.294627), 1e-6),
        (ONE_OUTLIER, True, (0.6694159, -2.383666, 3.722497), 1e-6),
        (ONE_OUTLIER, False, (0.6694159, -4.596625, 5.935457), 1e-6),
        # vignettes/deviations.Rmd: the package's default, and Making Data Count's workbook.
        (VIGNETTE, True, (1.94, -0.72, 4.6), 0.005),
        (VIGNETTE, False, (1.94, -3.06, 6.95), 0.005),
        # man/figures/README-limits-example-1.png
        (BREACHES, True, (1545, 740, 2350), 0.5),
    ],
    ids=["normal", "screened", "not-screened", "vignette", "vignette-excel", "readme"],
)
def test_mean_and_limits_are_the_published_ones(values, screened, published, within):
    chart = chart_of(values, screen_outliers=screened)

    assert (chart.mean, chart.lower, chart.upper) == pytest.approx(published, abs=within)


def test_the_readme_s_example_signals_what_its_picture_shows():
    signals = chart_of(BREACHES, screen_outliers=True).signals

    assert {index: signal for index, signal in enumerate(signals) if signal} == {
        1: Signal.NEAR_LOWER,
        2: Signal.NEAR_LOWER,
        8: Signal.ABOVE_LIMIT,
        9: Signal.ABOVE_LIMIT,
    }


def test_seven_that_rise_signal_and_six_do_not():
    flat = [5, 6, 5, 6, 5, 6]

    assert chart_of([*flat, 4, 4.5, 5, 5.5, 6, 6.5, 7]).signals[6:] == (Signal.RISING,) * 7
    assert set(chart_of([*flat, 4, 4.5, 5, 5, 5.5, 6, 6.5]).signals) == {None}
    assert chart_of([*flat, 7, 6.5, 6, 5.5, 5, 4.5, 4]).signals[-1] is Signal.FALLING


def test_seven_on_one_side_of_the_mean_signal_and_six_do_not():
    above, below = [6, 9], [2, 5]

    signals = chart_of([*below * 3, 2, *above * 3, 9]).signals

    assert signals == (Signal.RUN_BELOW,) * 7 + (Signal.RUN_ABOVE,) * 7
    assert set(chart_of([*below * 3, *above * 3]).signals) == {None}


def test_two_of_three_near_a_limit_signal_only_together_on_one_side_of_the_mean():
    quiet, near = [0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 0] * 2, Signal.NEAR_UPPER

    assert chart_of([*quiet, 3, 2, 3]).signals[-3:] == (near, None, near)
    assert set(chart_of([*quiet, 3, -0.5, 3]).signals) == {None}


def test_eleven_points_have_no_limits_and_twelve_alike_have_no_signal():
    assert chart_of([1.0] * 11) is None
    assert set(chart_of([1.0] * 12).signals) == {None}
