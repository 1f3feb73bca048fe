/**
 * Looks whether a data file holds all pages that are in use. LMDB does not write pages that a transaction took from the end and
 * gave back: a file may be shorter than its last page number says and still be whole.
 *
 * Layout (64-bit, little-endian): `MDB_page_header`, `MDB_node`, `MDB_db`, `MDB_ovpage` and `MDB_meta` of LMDB's mdb.c.
 */
const pageHeaderBytes = 24;
const nodeHeaderBytes = 8;
const databaseBytes = 48;
const rootOffset = 40;
const pageFlags = { branch: 0x01, leaf: 0x02, fixedLeaf: 0x20 } as const;
const nodeFlags = { overflow: 0x01, database: 0x02 } as const;
const noPage = 0xffff_ffff_ffff_ffffn;

export interface LmdbPages {
  readonly pageBytes: number;
  readonly pageCount: number;
  /** One whole page of the file. */
  read(page: number): Buffer;
}

interface Found {
  readonly pages: bigint[];
  /** Last pages of values that have pages of their own; nothing else is in those. */
  readonly ends: bigint[];
}

function rootOf(database: Buffer): bigint[] {
  const root = database.readBigUInt64LE(rootOffset);
  return root === noPage ? [] : [root];
}

/** What a node of a leaf refers to. */
function leafNode(node: Buffer): Found {
  const flags = node.readUInt16LE(4);
  const data = node.subarray(nodeHeaderBytes + node.readUInt16LE(6));
  if ((flags & nodeFlags.overflow) !== 0) {
    return { pages: [], ends: [data.readBigUInt64LE(0) + data.readBigUInt64LE(16) - 1n] };
  }
  return { pages: (flags & nodeFlags.database) === 0 ? [] : rootOf(data), ends: [] };
}

function branchNode(node: Buffer): Found {
  const low = BigInt(node.readUInt32LE(0));
  return { pages: [low | (BigInt(node.readUInt16LE(4)) << 32n)], ends: [] };
}

function* nodesOf(page: Buffer): Generator<Found> {
  const flags = page.readUInt16LE(18);
  const isBranch = (flags & pageFlags.branch) !== 0;
  if (!isBranch && (flags & pageFlags.leaf) === 0) throw new RangeError('neither a branch nor a leaf');
  if ((flags & pageFlags.fixedLeaf) !== 0) return;
  const count = page.readUInt16LE(20) >> 1;
  for (let index = 0; index < count; index += 1) {
    const at = page.readUInt16LE(pageHeaderBytes + index * 2) + pageHeaderBytes;
    const node = page.subarray(at);
    yield isBranch ? branchNode(node) : leafNode(node);
  }
}

/** Whether every page that the newer of the two metas leads to is there. Reads the whole of both trees. */
export function holdsAllPages(file: LmdbPages, meta: Buffer): boolean {
  const open = [meta.subarray(24, 24 + databaseBytes), meta.subarray(72, 72 + databaseBytes)].flatMap(rootOf);
  const limit = BigInt(file.pageCount);
  let seen = 0;
  try {
    for (let page = open.pop(); page !== undefined; page = open.pop()) {
      seen += 1;
      if (page >= limit || seen > file.pageCount) return false;
      for (const { pages, ends } of nodesOf(file.read(Number(page)))) {
        if (ends.some((end) => end >= limit)) return false;
        open.push(...pages);
      }
    }
  } catch (error) {
    // Offsets that lead out of a page.
    if (error !== null && typeof error === 'object' && 'name' in error && error.name === 'RangeError') return false;
    throw error;
  }
  return true;
}
