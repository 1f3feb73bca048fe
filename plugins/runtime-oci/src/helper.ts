import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The native side of this plugin. */
export const helper: string = join(import.meta.dirname, '..', 'native', 'build', 'timonel-oci');

/** The first process of sandboxes runs it from a root that holds nothing else. */
export const pauseProgram: string = helper;

export const helperMissing =
  'timonel-oci is not built: install a C compiler (Debian: apt install gcc make libc6-dev) and run "npm run build:native"';

export function hasHelper(): boolean {
  try {
    accessSync(helper, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What it said, without its name. */
export function helperText(text: string): string {
  return text.replace(/^timonel-oci: /, '').trim();
}
