/** What a node should hold at each step: keys come and go, change their value and their path. */
export function desiredAt(root: string, step: number) {
  return Array.from({ length: 6 }, (_, i) => {
    const key = `k${i}`;
    const era = Math.floor((step + i) / 2);
    const path = `${key}/${Math.floor(step / 8) % 2}.key`;
    const run = ["cp", "--", `${root}/keys/${path}`, `${root}/seen/${key}`];
    const delivery = {
      kind: "file",
      path,
      mode: 0o600,
      run,
      offline: i % 2 === 0 ? "never" : 3_600_000,
    } as const;
    return {
      grant: `g-${key}`,
      key,
      version: era + 1,
      value: `${key} ${era} `.repeat(400),
      delivery: { ...delivery, run },
    };
  }).filter((_, i) => (step + i) % 5 !== 0);
}
