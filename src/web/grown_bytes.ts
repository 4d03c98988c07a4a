// Bytes of one body that come one after the other, in one piece of memory that grows with them. What always holds: the memory is given back
// at once, when it is let go or when the bytes are handed over, and not when the runtime next looks for what nobody needs: by then
// much more may have come. It must not know what the bytes are.

/** The memory grows by as much at a time, as each time costs a call of the system. */
const STEP_BYTES = 2 ** 20;

export class GrownBytes {
  readonly #buffer: ArrayBuffer;
  #used = 0;

  /** most: bytes that there can be; only those that there are take memory. */
  constructor(private readonly most: number) {
    this.#buffer = new ArrayBuffer(0, { maxByteLength: most });
  }

  /** Adds bytes, which stay the caller's. Throws RangeError beyond `most`. */
  add(bytes: Uint8Array): void {
    const end = this.#used + bytes.length;
    if (end > this.#buffer.byteLength) this.#buffer.resize(Math.max(end, Math.min(this.most, end + STEP_BYTES)));
    new Uint8Array(this.#buffer, this.#used, bytes.length).set(bytes);
    this.#used = end;
  }

  /** All of them, in memory that has their length; there are none here any more. */
  handOver(): Uint8Array {
    return new Uint8Array(this.#buffer.transferToFixedLength(this.#used));
  }

  /** Lets them go. */
  drop(): void {
    if (!this.#buffer.detached) this.#buffer.transfer(0);
  }
}
