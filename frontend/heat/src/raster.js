// The heat itself: one pass over the pixels of the plot, whatever the axes, the widths and the zoom.
import { bin } from "./data.js";

/** First and last bin under each device pixel; last < first where there is none. */
function under(edges, axis, pixels, ratio, origin, seen) {
  const first = new Int32Array(pixels);
  const last = new Int32Array(pixels);
  const ascending = axis.range[1] > axis.range[0];
  let before = axis.invert(origin);
  for (let k = 0; k < pixels; k++) {
    const after = axis.invert(origin + (k + 1) / ratio);
    const low = bin(edges, ascending ? before : after);
    const end = ascending ? after : before;
    const high = end >= edges[edges.length - 1] ? edges.length - 1 : bin(edges, end);
    before = after;
    first[k] = low;
    // A bin counts for the pixel it begins in, or for every pixel it covers.
    last[k] = low < 0 || low >= seen ? -2 : Math.min(seen - 1, Math.max(low, high < 0 ? low : high - 1));
  }
  return [first, last];
}

/** Several cells under one pixel: the strongest is shown, so that a lone event never falls between pixels. */
function strongest(index, i0, i1, stepX, j0, j1, stepY, signed) {
  let best = 0;
  let far = -1;
  for (let j = j0; j <= j1; j++) {
    for (let i = i0; i <= i1; i++) {
      const one = index[i * stepX + j * stepY];
      if (!one) continue;
      const size = signed ? Math.abs(one - 128) : one;
      if (size > far) {
        far = size;
        best = one;
      }
    }
  }
  return best;
}

/** Fill `out` (width × height words) from palette indices that are stored column by column. */
export function raster(out, width, height, chart, ratio) {
  const { index, palette, plot, time, price, heat, upright, signed, seen } = chart;
  const bands = heat.price_edges.length - 1;
  const times = [heat.time_edges, time, seen];
  const prices = [heat.price_edges, price, bands];
  const [ex, ax, sx] = upright ? times : prices;
  const [ey, ay, sy] = upright ? prices : times;
  const [left, right] = under(ex, ax, width, ratio, plot.x, sx);
  const [top, bottom] = under(ey, ay, height, ratio, plot.y, sy);
  const [stepX, stepY] = upright ? [bands, 1] : [1, bands];
  for (let y = 0, row = 0; y < height; y++, row += width) {
    const j0 = top[y];
    const j1 = bottom[y];
    if (y && j0 === top[y - 1] && j1 === bottom[y - 1]) {
      out.copyWithin(row, row - width, row);
      continue;
    }
    if (j1 < j0) {
      out.fill(palette[0], row, row + width);
      continue;
    }
    for (let x = 0; x < width; x++) {
      const i0 = left[x];
      const i1 = right[x];
      const one =
        i0 === i1 && j0 === j1
          ? index[i0 * stepX + j0 * stepY]
          : strongest(index, i0, i1, stepX, j0, j1, stepY, signed);
      out[row + x] = palette[one];
    }
  }
}
