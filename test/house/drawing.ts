/** The floors as a drawing for docs/architecture.md, the top floor first. `node test/house/drawing.ts` prints it. */
import { floors } from "./floors.ts";

export function drawing(): string {
  const width = Math.max(...floors.flat().map((room) => room.name.length));
  const lines = floors.flatMap((rooms, floor) =>
    rooms.map((room, i) => `${i === 0 ? String(floor) : " "}  ${room.name.padEnd(width)}  ${room.holds}`),
  );
  const grouped: string[] = [];
  let at = 0;
  for (const rooms of floors) {
    grouped.unshift(lines.slice(at, at + rooms.length).join("\n"));
    at += rooms.length;
  }
  return `\`\`\`text\n${grouped.join("\n")}\n\`\`\``;
}

if (import.meta.main) console.log(drawing());
