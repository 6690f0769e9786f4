// Outside data is unknown until one of these has looked at it.

export type Fields = Record<string, unknown>;

export function isFields(v: unknown): v is Fields {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

export function text(v: unknown): string {
  return typeof v === "string" ? v : "";
}

export function list(v: unknown): unknown[] {
  return Array.isArray(v) ? v : [];
}

/** The parts of a list that look like T: those that carry the named string. */
export function listOf<T>(v: unknown, key: string): T[] {
  return list(v).filter((x) => isFields(x) && typeof x[key] === "string") as T[];
}

export function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
