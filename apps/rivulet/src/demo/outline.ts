/** The colour that stands out from everything the starter models draw. */
const FILL = "#ff2fd0";

/**
 * The first of some masks, row by row, as an SVG to be laid over the picture they are about. What is on it is `true` or
 * above 0. Something else than masks is an empty drawing.
 */
export function outline(masks: unknown): string {
  const [mask] = listOf(masks);
  const rows = listOf(mask);
  const [width, height] = [Math.max(1, listOf(rows[0]).length), Math.max(1, rows.length)];
  const path = rows.map((row, y) => runs(listOf(row).map(isOn), y)).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<path d="${path}" fill="${FILL}" fill-opacity="0.6" shape-rendering="crispEdges"/>`,
    "</svg>\n",
  ].join("");
}

/** A row's stretches, each a rectangle of one pixel's height. */
function runs(row: readonly boolean[], y: number): string {
  let path = "";
  for (let x = 0; x < row.length; x++) {
    const begin = x;
    while (row[x] === true) x++;
    if (x > begin) path += `M${begin} ${y}h${x - begin}v1H${begin}z`;
  }
  return path;
}

function isOn(value: unknown): boolean {
  return value === true || (typeof value === "number" && value > 0);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
