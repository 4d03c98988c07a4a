// The pieces of a body, kept until they are joined. What always holds: however small they come, they take about as many bytes as they have,
// for a piece by itself costs more than a hundred bytes, and a sender may make one of each byte. It must not know where they come from.

/** Pieces up to this length are copied together, but for the first ones: most bodies have few. */
const SMALL_BYTES = 1024, FIRST = 16;
/** Bytes of a block that small pieces are copied into. */
const BLOCK_BYTES = 16 * 1024;

export class KeptPieces {
  readonly #pieces: Uint8Array[] = [];
  readonly #block = { bytes: new Uint8Array(0), used: 0 };
  bytes = 0;

  /** Buffers that are kept. */
  get count(): number {
    return this.#pieces.length + Math.min(1, this.#block.used);
  }

  /** Keeps a piece, which is nobody else's from now on. */
  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (piece.length > SMALL_BYTES || this.#pieces.length < FIRST) {
      this.#endBlock();
      this.#pieces.push(piece);
      return;
    }
    const block = this.#block;
    if (block.used + piece.length > block.bytes.length) {
      this.#endBlock();
      block.bytes = new Uint8Array(BLOCK_BYTES);
    }
    block.bytes.set(piece, block.used);
    block.used += piece.length;
  }

  /** All of them as one. */
  joined(): Uint8Array {
    this.#endBlock();
    if (this.#pieces.length === 1) return this.#pieces[0];
    const whole = new Uint8Array(this.bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** What is left of the block is for the pieces that come next. */
  #endBlock(): void {
    const block = this.#block;
    if (block.used === 0) return;
    this.#pieces.push(block.bytes.subarray(0, block.used));
    block.bytes = block.bytes.subarray(block.used);
    block.used = 0;
  }
}
