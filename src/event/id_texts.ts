// Event ids that are texts, as their bytes one behind the other. Each is expected once, so none is ever looked up, and a string of each
// would be made, moved and thrown away for nothing: from a request's bytes to the log and into Parquet they are copied, and no more.
// What always holds: a text keeps its place; texts are UTF-8. Bounded by the columns that it belongs to.

/** Bytes of a text that there is room for at first: more than a UUID has. */
const BYTES_LIKELY = 40;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class IdTexts {
  count = 0;
  bytes: Uint8Array;
  view: DataView;
  /** Where each text ends; the next one begins there. */
  ends: Uint32Array;

  /** likely: how many texts there is room for at first. */
  constructor(likely: number) {
    this.bytes = new Uint8Array(BYTES_LIKELY * likely);
    this.view = viewOf(this.bytes);
    this.ends = new Uint32Array(likely);
  }

  /** Texts that lie in `bytes` already. They are shared, not copied. */
  static within(bytes: Uint8Array, ends: Uint32Array<ArrayBuffer>): IdTexts {
    const texts = new IdTexts(0);
    texts.count = ends.length;
    texts.bytes = bytes;
    texts.view = viewOf(bytes);
    texts.ends = ends;
    return texts;
  }

  /** Bytes of all texts. */
  get end(): number {
    return this.count === 0 ? 0 : this.ends[this.count - 1];
  }

  /** Where a text begins. */
  startOf(place: number): number {
    return place === 0 ? 0 : this.ends[place - 1];
  }

  /** Adds bytes [from, to) of `view`, which are UTF-8, and returns their place. */
  add(view: DataView, from: number, to: number): number {
    const at = this.#room(1, to - from);
    this.ends[this.count] = copy(view, from, to, this.view, at);
    return this.count++;
  }

  /** Adds `count` of the texts at `places` of `texts`. They get the next places in turn. */
  addAll({ ends, view }: IdTexts, places: Uint32Array, count: number): void {
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += ends[places[i]] - (places[i] === 0 ? 0 : ends[places[i] - 1]);
    let at = this.#room(count, bytes);
    const into = this.view, intoEnds = this.ends, first = this.count;
    for (let i = 0; i < count; i++) {
      const place = places[i];
      intoEnds[first + i] = at = copy(view, place === 0 ? 0 : ends[place - 1], ends[place], into, at);
    }
    this.count += count;
  }

  /** Adds a text and returns its place. */
  addText(text: string): number {
    const at = this.#room(1, 3 * text.length);
    this.ends[this.count] = at + encoder.encodeInto(text, this.bytes.subarray(at)).written;
    return this.count++;
  }

  text(place: number): string {
    return decoder.decode(this.bytes.subarray(this.startOf(place), this.ends[place]));
  }

  /** Makes room for some more texts of `more` bytes, and returns where they begin. */
  #room(texts: number, more: number): number {
    const { end } = this;
    if (this.count + texts > this.ends.length) {
      const ends = new Uint32Array(2 * (this.count + texts));
      ends.set(this.ends);
      this.ends = ends;
    }
    if (end + more > this.bytes.length) {
      const bytes = new Uint8Array(2 * (end + more));
      bytes.set(this.bytes.subarray(0, end));
      this.bytes = bytes;
      this.view = viewOf(bytes);
    }
    return end;
  }
}

/** Copies bytes [from, to) to `at` of another view, and returns the end there. */
function copy(view: DataView, from: number, to: number, into: DataView, at: number): number {
  for (; from + 4 <= to; from += 4, at += 4) into.setInt32(at, view.getInt32(from));
  for (; from < to; from++, at++) into.setUint8(at, view.getUint8(from));
  return at;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
