/** A program for `node -e` that is busy for 50 ms of a processor in each 100 ms. */
export const burner = `
const used = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
setInterval(() => {
  const end = used() + 50000;
  while (used() < end) for (let n = 0; n < 1e5; n++);
}, 100);`;
