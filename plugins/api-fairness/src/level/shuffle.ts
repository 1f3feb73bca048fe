/** Shuffle sharding: each flow is dealt a few queues of many, so that one that fills all of its own leaves others at least one. */

/** FNV-1a, 32 bits, twice with different beginnings. */
function hash(text: string, start: number): number {
  let value = start;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
  }
  return value;
}

/** `hand` different numbers below `deck`, always the same for a flow. */
export function deal(flow: string, deck: number, hand: number): readonly number[] {
  let entropy = BigInt(hash(flow, 0x811c_9dc5)) * 0x1_0000_0000n + BigInt(hash(flow, 0x9e37_79b9));
  const dealt: number[] = [];
  for (let count = 0; count < Math.min(hand, deck); count += 1) {
    const left = BigInt(deck - count);
    let card = Number(entropy % left);
    entropy /= left;
    // Those that were dealt before are not in the deck any more.
    for (const before of dealt.toSorted((a, b) => a - b)) if (card >= before) card += 1;
    dealt.push(card);
  }
  return dealt;
}
