import { corrupt } from './corrupt.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** Decompresses as the pieces come; `take` gets them at once, block by block, and may throw to end it. */
export async function decompressZstd(source: AsyncIterable<Buffer>, take: (piece: Uint8Array) => void): Promise<void> {
  // Few images have such layers: nobody else loads it. Node 20 has no zstd of its own.
  const { Decompress } = await import('fzstd');
  const frames = new ZstdFrames();
  const decompress = new Decompress((piece) => take(piece));
  for await (const piece of source) {
    frames.push(piece);
    // It keeps parts of what it is given.
    decompress.push(new Uint8Array(piece));
  }
  if (!frames.atEnd) throw corrupt('the zstd data was cut off');
  decompress.push(new Uint8Array(0), true);
}
