// What the server sends, unpacked. The layout is described in liqcore/charts/payload.py.
const KINDS = { f8: Float64Array, f4: Float32Array, u2: Uint8Array };
export const DECADES = 9;
export const TOP = 900 * DECADES + 2;

/** The head of a message, and what follows it. */
export function head(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  return [JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size))), bytes.subarray(4 + size)];
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The arrays of a message by name. Each block is compressed by itself, so that cells can be cached. */
export async function unpack(info, packed) {
  const out = { ...info };
  let at = 0;
  const blocks = info.blocks.map(({ size, parts }) => [packed.subarray(at, (at += size)), parts]);
  for (const [bytes, parts] of blocks) {
    const buffer = await inflate(bytes);
    let from = 0;
    for (const [name, kind, size] of parts) {
      const Kind = KINDS[kind];
      out[name] = new Kind(buffer, from, size / Kind.BYTES_PER_ELEMENT);
      from += size;
    }
  }
  return out;
}

/**
 * Differences along time, low bytes before high bytes, back to codes.
 * `out` takes `rows` columns of `bands` codes.
 */
export function undiff(planes, out, rows, bands) {
  const high = rows * bands;
  for (let k = 0; k < high; k++) {
    const last = k >= bands ? out[k - bands] : 0;
    out[k] = last + (planes[k] | (planes[high + k] << 8));
  }
  return out;
}

/** USD of every code. */
export function amounts(lowest) {
  const out = new Float64Array(TOP + 901);
  for (let code = 2; code < out.length; code++) {
    out[code] = (100 + ((code - 2) % 900)) * 10 ** (Math.floor((code - 2) / 900) + lowest - 2);
  }
  out[1] = 10 ** lowest / 2;
  return out;
}

/** Which bin of ascending edges holds the place, the last edge excluded; -1 outside. */
export function bin(edges, place) {
  let low = 0;
  let high = edges.length - 1;
  if (!(place >= edges[0] && place < edges[high])) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= place) low = middle;
    else high = middle;
  }
  return low;
}
