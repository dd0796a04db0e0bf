// Texts whose contrast with the colour behind them is below 4.5 : 1; texts over pictures are left out.
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const bandBehind = (text) => {
  const box = text.getBoundingClientRect();
  return [...text.closest("svg.scale").querySelectorAll(".band")].find((band) => {
    const b = band.getBoundingClientRect();
    return b.left <= box.left + 1 && b.right >= box.right - 1 && b.top <= box.top && b.bottom >= box.bottom;
  });
};
const faint = [];
for (const element of document.querySelectorAll("body *")) {
  const words = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
  if (!words || !element.checkVisibility() || element.closest("script, style, .picture, .place, .hidden, .skip")) continue;
  const style = getComputedStyle(element);
  const drawn = element instanceof SVGElement;
  const below = element.matches(".band-word")
    ? rgba(getComputedStyle(bandBehind(element)).fill)
    : element.matches(".marker-text")
      ? rgba(getComputedStyle(element.parentElement.querySelector(".marker")).fill)
      : behind(element);
  const ink = over(rgba(drawn ? style.fill : style.color), below);
  const [light, dark] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < 4.5) faint.push(`${words.slice(0, 40)} (${element.className.baseVal ?? element.className}) ${ratio.toFixed(2)}`);
}
return faint;
