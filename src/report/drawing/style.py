"""How every chart looks, on the page and in print."""

import altair as alt

# Okabe and Ito's palette, told apart under every common colour blindness; the markers tell the curves apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right")
INK, FAINT = "#333333", "#777777"
CONFIG = alt.Config(
    background="white",
    font="sans-serif",
    view=alt.ViewConfig(stroke=None),
    title=alt.TitleConfig(anchor="start", fontSize=13, fontWeight="normal", color=INK, offset=8),
    axis=alt.AxisConfig(
        labelColor=INK, labelFontSize=11, titleColor=INK, titleFontSize=12, titleFontWeight="normal",
        gridColor="#E6E6E6", domainColor="#999999", tickColor="#999999",
    ),
    # Room for the labels: panels are as wide as each other, and a chart keeps its place while curves come and go.
    axisLeft=alt.AxisConfig(minExtent=36),
    legend=alt.LegendConfig(
        labelColor=INK, labelFontSize=11, labelLimit=0, symbolLimit=0, symbolOpacity=1, symbolStrokeWidth=1.5
    ),
)  # fmt: skip
