/**
 * The oldest revision that can be read. etcd does not tell it, but refuses reads before it: readable revisions are an
 * unbroken run that ends at the current one.
 * @param known a revision that is not younger than the one looked for
 */
export async function oldestReadable(
  known: number,
  current: number,
  isReadable: (revision: number) => Promise<boolean>,
): Promise<number> {
  if (await isReadable(known)) return known;
  // Steps grow until one is readable, then the gap is halved: few reads when little was compacted since.
  let refused = known;
  let readable = known;
  for (let step = 1; ; step *= 2) {
    readable = Math.min(current, refused + step);
    if (readable === current || (await isReadable(readable))) break;
    refused = readable;
  }
  while (readable - refused > 1) {
    const middle = Math.floor((readable + refused) / 2);
    if (await isReadable(middle)) readable = middle;
    else refused = middle;
  }
  return readable;
}
