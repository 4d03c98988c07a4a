// A disk that is full when a test says so, under a real server. As root it is a small file system in memory with a filler file on it; where
// mounting is not allowed, a limit on the size that files of the server may grow to, which fails its writes in the same places.
// What always holds: what was mounted is unmounted, and the folder is gone in the end.

import { statfs } from "node:fs/promises";

export interface SmallDisk extends AsyncDisposable {
  /** An empty folder on it. */
  readonly folder: string;
  readonly way: "tmpfs" | "RLIMIT_FSIZE";
  /** Leaves so many bytes of room, for the process as it is now. */
  leave(bytes: number, pid: number): Promise<void>;
  /** Makes room again. */
  makeRoom(pid: number): Promise<void>;
}

const DISK_BYTES = 96 * 2 ** 20;

export async function smallDisk(): Promise<SmallDisk> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-disk-" });
  const limit = Deno.env.get("GUARDIAN_TEST_DISK_WAY") === "limit";
  const mounted = !limit && Deno.uid() === 0 && await succeeds("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "guardian-test", folder);
  return mounted ? onTmpfs(folder) : byLimit(folder);
}

function onTmpfs(folder: string): SmallDisk {
  const filler = `${folder}/filler`;
  const makeRoom = async () => await Deno.remove(filler).catch(() => {});
  return {
    folder,
    way: "tmpfs",
    async leave(bytes) {
      await makeRoom();
      const { bavail, bsize } = await statfs(folder);
      using file = await Deno.open(filler, { write: true, create: true });
      const zeros = new Uint8Array(1 << 20);
      try {
        for (let left = bavail * bsize - bytes; left > 0;) left -= await file.write(zeros.subarray(0, Math.min(left, zeros.length)));
      } catch {
        // the server writes too: there is no more room
      }
    },
    makeRoom,
    async [Symbol.asyncDispose]() {
      // A process that has just ended may still be on its way out.
      for (let tries = 0; !await succeeds("umount", folder) && tries < 50; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function byLimit(folder: string): SmallDisk {
  const limit = async (bytes: string, pid: number) => {
    if (!await succeeds("prlimit", "--pid", String(pid), `--fsize=${bytes}:`)) {
      throw new Error("Cannot limit the size of files with prlimit");
    }
  };
  return {
    folder,
    way: "RLIMIT_FSIZE",
    leave: async (bytes, pid) => await limit(String(await largestFile(folder) + bytes), pid),
    makeRoom: async (pid) => await limit("unlimited", pid),
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function largestFile(folder: string): Promise<number> {
  let most = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    most = Math.max(most, isDirectory ? await largestFile(path) : (await Deno.stat(path).catch(() => ({ size: 0 }))).size);
  }
  return most;
}

export async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false; // there is no such program here
  }
}
