// Draws every chart from its Vega-Lite specification. A button puts an axis' other form, which comes with it, in its place.
"use strict";
const OPTIONS = {renderer: "svg", scaleFactor: 2, actions: {export: true, source: false, compiled: false, editor: false}};

function draw(figure, {spec, switched}) {
  const bar = document.createElement("div"), canvas = document.createElement("div");
  bar.className = "bar";
  figure.append(bar, canvas);
  const options = {...OPTIONS, downloadFileName: spec.title.replace(/[^\w.-]+/g, "-")};
  let view = null;
  const embed = async () => {
    if (view) {  // the curves chosen stay so
      const shown = view.data("shown_store").map(entry => ({curve: entry.values[0]}));
      spec.params.find(param => param.name === "shown").value = shown;
      view.finalize();
    }
    ({view} = await vegaEmbed(canvas, spec, options));
  };
  for (const axis of switched ? ["x", "y"] : []) {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = `log ${axis}`;
    const tell = () => button.setAttribute("aria-pressed", spec.encoding[axis].scale.type === "log");
    button.addEventListener("click", () => {
      [spec.encoding[axis], switched[axis]] = [switched[axis], spec.encoding[axis]];
      if (axis === "y") [spec.transform, switched.transform] = [switched.transform, spec.transform];
      tell(); embed();
    });
    tell(); bar.append(button);
  }
  embed();
}

const charts = JSON.parse(document.getElementById("charts").textContent);
document.querySelectorAll("figure[data-chart]").forEach(figure => draw(figure, charts[figure.dataset.chart]));
