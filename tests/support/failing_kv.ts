// A Deno KV whose commits fail when a test says so: before they land, or after, when only the answer is lost.

export interface Faults {
  fail: "no" | "before" | "after";
}

export function failingKv(kv: Deno.Kv, faults: Faults): Deno.Kv {
  return new Proxy(kv, {
    get(target, name) {
      const member = target[name as keyof Deno.Kv];
      if (name !== "atomic") return typeof member === "function" ? (member as () => void).bind(target) : member;
      return () => {
        const atomic = target.atomic();
        const commit = atomic.commit.bind(atomic);
        atomic.commit = async () => {
          if (faults.fail === "before") throw new Error("disk is full");
          const result = await commit();
          if (faults.fail === "after") throw new Error("answer was lost");
          return result;
        };
        return atomic;
      };
    },
  });
}
