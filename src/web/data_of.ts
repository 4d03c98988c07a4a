// Whose data an answer is of: the own folder's, or the sample's that is shown while that is empty. The page that people look at asks for what
// is shown; who must not take a sample for the truth, as scripts must not, asks for the folder's own with a header.

import { z } from "@hono/zod-openapi";
import { GuardianError } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";

/** In a request: `own`. In an answer: `sample`, where it is one. */
export const DATA_OF = "Data-Of";

const ABOUT = "While the data folder is empty, `dev` shows a sample shop in its place: `own` asks for the folder itself";

/** For OpenAPI. */
export const dataOfRequest = { [DATA_OF]: z.enum(["own"]).optional().openapi({ description: ABOUT, example: "own" }) };
export const dataOfAnswer = { [DATA_OF]: "`sample` where the answer is of the sample shop; absent where it is of the data folder itself" };

/** What answers a request: the service, or that of the sample which is shown in its place. Throws `invalid_parameter`. */
export function answering(request: Request, { ownAlways }: Pick<Endpoint, "ownAlways">, service: Service): Service {
  if (ownAlways) return service;
  const asked = request.headers.get(DATA_OF);
  if (asked === null) return service.sample?.shown ?? service;
  if (asked === "own") return service;
  throw new GuardianError("invalid_parameter", `Cannot use "${asked.slice(0, 100)}" for ${DATA_OF}: it must be "own", or left out`);
}

/** Counts a request as under way until the last byte of its answer is sent, or nobody wants it any more. */
export async function whileSent(request: Request, service: Service, answer: () => Response | Promise<Response>): Promise<Response> {
  service.underWay++;
  const done = () => service.underWay--;
  try {
    const response = await answer();
    // Nobody reads the body for a HEAD.
    if (response.body === null || request.method === "HEAD") {
      done();
      return response;
    }
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    response.body.pipeTo(writable).catch(() => {}).finally(done);
    return new Response(readable, response);
  } catch (failure) {
    done();
    throw failure;
  }
}
