/** A user other than root, who exists for those alone that run as it: in a mount namespace of their own. */
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const uid = 64_001;
const name = 'timonel-ordinary-user';
/** Ids of the machine that its containers have. */
export const subordinate = { first: 1_700_000_000, count: 65_536 } as const;

const script = `set -e
for file in passwd group subuid subgid; do mount --bind "$1/$file" "/etc/$file"; done
directory=$1; shift
exec setpriv --reuid ${uid} --regid ${uid} --clear-groups env -u XDG_RUNTIME_DIR -u XDG_DATA_HOME HOME="$directory/home" TMPDIR="$directory/home" "$@"
`;

export class OrdinaryUser {
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'timonel-user-'));
  readonly home: string = join(this.#directory, 'home');

  /** `ids`: `many` as adduser(8) gives them, or its own alone. */
  constructor(ids: 'many' | 'one') {
    mkdirSync(this.home);
    chownSync(this.home, uid, uid);
    const line = ids === 'many' ? `${name}:${subordinate.first}:${subordinate.count}\n` : '';
    const texts = {
      passwd: `${readFileSync('/etc/passwd', 'utf8')}${name}:x:${uid}:${uid}::${this.home}:/bin/sh\n`,
      group: `${readFileSync('/etc/group', 'utf8')}${name}:x:${uid}:\n`,
      subuid: line,
      subgid: line,
    };
    for (const [file, text] of Object.entries(texts)) writeFileSync(join(this.#directory, file), text);
    // mkdtemp made it for root alone.
    chownSync(this.#directory, uid, uid);
  }

  /** The words that run others as this user. */
  words(words: readonly string[]): readonly string[] {
    return ['unshare', '--mount', 'sh', '-c', script, 'sh', this.#directory, ...words];
  }

  /** What runs as it, or as one of its containers. */
  processes(): readonly string[] {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry) && isOf(entry))
      .map((pid) => `${pid} ${commandOf(pid)}`)
      .filter((text) => !text.endsWith(' '));
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function isOf(pid: string): boolean {
  try {
    const owner = statSync(`/proc/${pid}`).uid;
    return owner === uid || (owner >= subordinate.first && owner < subordinate.first + subordinate.count);
  } catch {
    return false;
  }
}

/** Empty: it has ended, and waits to be reaped. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
