/** Finds members that an object of a JSON text has twice, which JSON.parse passes over in silence. The text must be valid JSON. */
const findingsLimit = 10;

interface Frame {
  /** Keys seen; undefined in an array. */
  readonly keys: Set<string> | undefined;
  readonly path: string;
  index: number;
  key: string;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}

function pathOf(frame: Frame | undefined): string {
  if (frame === undefined) return '';
  if (frame.keys === undefined) return `${frame.path}[${frame.index}]`;
  return frame.path === '' ? frame.key : `${frame.path}.${frame.key}`;
}

/** Paths such as `spec.replicas`. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const stack: Frame[] = [];
  let frame: Frame | undefined;
  let expectKey = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(text, at);
        if (expectKey && frame?.keys !== undefined) {
          const raw = text.slice(at, end + 1);
          frame.key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
          if (frame.keys.has(frame.key) && found.length < findingsLimit) found.push(pathOf(frame));
          frame.keys.add(frame.key);
          expectKey = false;
        }
        at = end;
        break;
      }
      case 0x7b: // {
      case 0x5b: {
        // [
        const isObject = text.charCodeAt(at) === 0x7b;
        frame = { keys: isObject ? new Set() : undefined, path: pathOf(frame), index: 0, key: '' };
        stack.push(frame);
        expectKey = isObject;
        break;
      }
      case 0x7d: // }
      case 0x5d: // ]
        stack.pop();
        frame = stack.at(-1);
        expectKey = false;
        break;
      case 0x2c: // ,
        if (frame !== undefined) frame.index += 1;
        expectKey = frame?.keys !== undefined;
        break;
      default:
    }
  }
  return found;
}
