// The process's own TCP connections on its ports, as Linux tells of them: which there are, what went over each, and how to cut one. The runtime
// shows none of this, so the C library is asked directly, by file handle.
// What always holds: no connection is ever closed here. A connection is shut down, which its owner then sees as its end, and only while its handle
// still has the same socket: the server's sockets are opened and closed by this thread alone, so nothing comes between the check and the act.
// On other systems there is none of it.

import type { Peer, Seen } from "../web/connections.ts";

const SOL_SOCKET = 1, SO_LINGER = 13, SO_COOKIE = 57, IPPROTO_TCP = 6, TCP_INFO = 11, SHUT_RDWR = 2;
const O_RDONLY = 0, O_CLOEXEC = 0o2000000, RLIMIT_NOFILE = 7, UNLIMITED = 2n ** 64n - 1n;
const AF_INET = 2, AF_INET6 = 10, TCP_LISTEN = 10;
const COOKIE_BYTES = 8, ADDRESS_BYTES = 28;
/** Bytes of `struct tcp_info` up to the last field that is read here; kernels from 4.19 on have more. */
const INFO_BYTES = 216;
/** Fields of it by their bytes. */
const info = { state: 0, acked: 120, received: 128, notSent: 144, sent: 200, sentAgain: 208 } as const;
/** `struct linger` that makes the end of a socket drop what is not taken: it would stay in the kernel for minutes. */
const DROP = new Uint32Array([1, 0]);

const symbols = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  pread: { parameters: ["i32", "buffer", "usize", "isize"], result: "isize" },
  dup: { parameters: ["i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Told of each connection that is found. */
export type OnSocket = (seen: Seen, peerOf: () => Peer) => void;

export class Sockets {
  readonly #libc = Deno.dlopen("libc.so.6", symbols);
  readonly #bytes = new Uint8Array(256);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #length = new Uint32Array(1);
  readonly #statusBytes = new Uint8Array(4096);
  /** What the kernel tells of the process. Open all the time, as it is needed most when no handle is free. */
  readonly #status = this.#libc.symbols.open(encoder.encode("/proc/self/status\0"), O_RDONLY | O_CLOEXEC);

  /** Throws, with the reason, where sockets cannot be looked at. */
  static open(os: string = Deno.build.os): Sockets {
    if (os !== "linux") throw new Error(`there is no way to look at connections on ${os}`);
    const sockets = new Sockets();
    try {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      if (sockets.#canTell(listener.addr.port)) return sockets;
      throw new Error("the kernel does not tell enough of a connection; Linux 4.19 and later do");
    } catch (failure) {
      sockets.close();
      throw failure;
    }
  }

  /** File handles that the process may have. */
  get handlesMax(): number {
    if (this.#libc.symbols.getrlimit(RLIMIT_NOFILE, this.#bytes) !== 0) return Infinity;
    const most = this.#view.getBigUint64(0, true);
    return most === UNLIMITED ? Infinity : Number(most);
  }

  /** All handles of the process are below this. */
  get handlesEnd(): number {
    const length = Number(this.#libc.symbols.pread(this.#status, this.#statusBytes, BigInt(this.#statusBytes.length), 0n));
    return Number(/^FDSize:\s+(\d+)/m.exec(decoder.decode(this.#statusBytes.subarray(0, Math.max(0, length))))?.[1] ?? 0);
  }

  /** The lowest free handle: as they are given out from the lowest on, about as many are open. Infinity when none is free. */
  lowestFree(): number {
    const free = this.#libc.symbols.dup(0);
    if (free < 0) return Infinity;
    this.#libc.symbols.close(free);
    return free;
  }

  /** Tells of a connection of one of the ports if the handle is one. */
  look(handle: number, ports: readonly number[], onSocket: OnSocket): void {
    if (!this.#isOn(handle, ports)) return;
    const id = this.#id(handle), view = this.#view;
    if (id === null || !this.#option(handle, IPPROTO_TCP, TCP_INFO, INFO_BYTES) || this.#bytes[info.state] === TCP_LISTEN) return;
    const taken = Number(view.getBigUint64(info.acked, true)), received = Number(view.getBigUint64(info.received, true));
    const sent = Number(view.getBigUint64(info.sent, true) - view.getBigUint64(info.sentAgain, true));
    const queued = Math.max(0, view.getUint32(info.notSent, true) + sent - taken);
    onSocket({ id, handle, received, taken, queued }, () => this.#peer(handle));
  }

  /** Ends a connection if the handle still is the one that was seen. drop: what its client has not taken is dropped too. */
  cut(handle: number, id: number, drop: boolean): boolean {
    if (this.#id(handle) !== id) return false;
    if (drop) this.#libc.symbols.setsockopt(handle, SOL_SOCKET, SO_LINGER, DROP, DROP.byteLength);
    return this.#libc.symbols.shutdown(handle, SHUT_RDWR) === 0;
  }

  close(): void {
    this.#libc.symbols.close(this.#status);
    this.#libc.close();
  }

  /** Whether the handle is a TCP socket whose port on this side is one of these. */
  #isOn(handle: number, ports: readonly number[]): boolean {
    this.#length[0] = ADDRESS_BYTES;
    if (this.#libc.symbols.getsockname(handle, this.#bytes, this.#length) !== 0) return false;
    const family = this.#view.getUint16(0, true);
    return (family === AF_INET || family === AF_INET6) && ports.includes(this.#view.getUint16(2));
  }

  /** A number that no other socket of this machine ever has, until it starts anew. */
  #id(handle: number): number | null {
    if (!this.#option(handle, SOL_SOCKET, SO_COOKIE, COOKIE_BYTES)) return null;
    return this.#view.getUint32(4, true) * 2 ** 32 + this.#view.getUint32(0, true);
  }

  #option(handle: number, level: number, option: number, bytes: number): boolean {
    this.#length[0] = bytes;
    return this.#libc.symbols.getsockopt(handle, level, option, this.#bytes, this.#length) === 0 && this.#length[0] === bytes;
  }

  #peer(handle: number): Peer {
    this.#length[0] = ADDRESS_BYTES;
    if (this.#libc.symbols.getpeername(handle, this.#bytes, this.#length) !== 0) return { name: "", address: "", group: "" };
    const port = this.#view.getUint16(2);
    return peerOf(this.#view.getUint16(0, true) === AF_INET ? this.#bytes.slice(4, 8) : this.#bytes.slice(8, 24), port);
  }

  #canTell(port: number): boolean {
    for (let handle = 0; handle < this.handlesEnd; handle++) {
      if (this.#isOn(handle, [port])) return this.#id(handle) !== null && this.#option(handle, IPPROTO_TCP, TCP_INFO, INFO_BYTES);
    }
    return false;
  }
}

/** A peer by the 4 or 16 bytes of its address. Who has an IPv6 address has the 2^64 beside it too: those count as one. */
export function peerOf(address: Uint8Array, port: number): Peer {
  if (address.length === 4) {
    const whole = address.join(".");
    return { name: `${whole}:${port}`, address: whole, group: whole };
  }
  if (address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff) {
    const inner = address.subarray(12).join(".");
    return { name: `::ffff:${inner}:${port}`, address: inner, group: inner };
  }
  const parts = Array.from({ length: 8 }, (_, i) => (address[2 * i] << 8 | address[2 * i + 1]).toString(16));
  const whole = new URL(`http://[${parts.join(":")}]`).hostname.slice(1, -1);
  return { name: `${whole}:${port}`, address: whole, group: `${parts.slice(0, 4).join(":")}::/64` };
}
