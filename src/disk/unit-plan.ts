/**
 * Unit plan: what is to be changed in a machine's files so that systemd opens a volume at boot, or does so no more. What
 * was written here is known by its mark and may be replaced; anything else of the same volume is a conflict.
 */
import { KeywardError } from "../base/errors.ts";
import type { UnlockDelivery, VolumeName } from "../model/volume.ts";
import { systemdEscape } from "./escape.ts";
import { intactMark, marked, type Owner, readMark } from "./mark.ts";
import { type Conflict, editTable, fieldsOf, type Hunk, type TableWant } from "./table.ts";
import { cryptUnit } from "./take-over.ts";
import { type UnitFile, unitFiles } from "./units.ts";

/** A character of a text is a byte. */
export interface UnitPlaces {
  /** @returns `null` when it is not there. */
  read(path: string): string | null;
  /** The entries of a directory; `null` when it is none. */
  list(path: string): readonly string[] | null;
}

export interface UnitChange {
  readonly path: string;
  /** `null`: it is not there. */
  readonly before: string | null;
  /** `null`: it goes. */
  readonly after: string | null;
  readonly hunks: readonly Hunk[];
}

const UNITS = "/etc/systemd/system";
const CRYPTTAB = "/etc/crypttab";
const FSTAB = "/etc/fstab";

/**
 * Those that are to be made, in their order: the tables come last, so that what was broken off does nothing at a boot.
 *
 * @throws KeywardError `conflict` naming files and lines.
 */
export function planUnits(
  delivery: UnlockDelivery,
  places: UnitPlaces,
  { force = false }: { readonly force?: boolean } = {},
): UnitChange[] {
  const { name } = delivery;
  const conflicts: Conflict[] = [];
  const files = unitFiles(delivery);
  const whole = files.filter(({ kind }) => kind === "file");
  const changes = [
    ...whole.flatMap((file) => placeFile(file, places, force, conflicts)),
    ...strays(name, new Set(whole.map(({ path }) => path)), places).map((path) => gone(path, places)),
    ...tables(name, delivery, lineIn(files), places, force, conflicts).toReversed(),
  ];
  refuse(conflicts);
  return changes;
}

/**
 * @param delivery - When it is known: then lines and files without a mark go too, if they are as they would be written.
 * @throws KeywardError `conflict` naming files and lines.
 */
export function planRemoval(
  name: VolumeName,
  delivery: UnlockDelivery | undefined,
  places: UnitPlaces,
  { force = false }: { readonly force?: boolean } = {},
): UnitChange[] {
  const conflicts: Conflict[] = [];
  const inTables = tables(name, delivery, () => null, places, force, conflicts);
  const crypttab = inTables.find(({ path }) => path === CRYPTTAB)?.after ?? places.read(CRYPTTAB) ?? "";
  const mine = `keyward-key@${systemdEscape(name)}.socket`;
  const last =
    !crypttab.split("\n").some((line) => readMark(line) !== null) &&
    !(places.list(`${UNITS}/sysinit.target.wants`) ?? []).some(
      (socket) => socket.startsWith("keyward-key@") && socket !== mine,
    );
  const paths = new Set([
    ...strays(name, new Set(), places),
    ...(last ? strays("*", new Set(), places) : []),
    ...(delivery === undefined ? [] : asWritten(delivery, places, last)),
  ]);
  refuse(conflicts);
  return [...inTables, ...[...paths].map((path) => gone(path, places))];
}

function placeFile(
  { path, text, owner }: UnitFile,
  places: UnitPlaces,
  force: boolean,
  conflicts: Conflict[],
): UnitChange[] {
  const before = places.read(path);
  const after = marked(owner, text);
  if (before === after || before === text) return [];
  if (before !== null && intactMark(before) === null && !force)
    conflicts.push({ path, says: "is there already, and not as it was written from here" });
  return [{ path, before, after, hunks: [hunk(before, after)] }];
}

/** Files of this owner, as they were written, that are not wanted (any more). */
function strays(owner: Owner, wanted: ReadonlySet<string>, { read, list }: UnitPlaces): string[] {
  const found = (list(UNITS) ?? []).flatMap((entry) =>
    entry.endsWith(".d")
      ? (list(`${UNITS}/${entry}`) ?? []).map((file) => `${UNITS}/${entry}/${file}`)
      : [`${UNITS}/${entry}`],
  );
  return found
    .filter((path) => /\/keyward[^/]*\.(?:conf|socket)$/.test(path) && !wanted.has(path))
    .filter((path) => intactMark(read(path) ?? "")?.owner === owner);
}

function asWritten(delivery: UnlockDelivery, { read }: UnitPlaces, last: boolean): string[] {
  return unitFiles(delivery)
    .filter(({ kind, owner }) => kind === "file" && (owner !== "*" || last))
    .filter(({ path, text }) => read(path) === text)
    .map(({ path }) => path);
}

function tables(
  name: VolumeName,
  delivery: UnlockDelivery | undefined,
  line: (path: string) => string | null,
  places: UnitPlaces,
  force: boolean,
  conflicts: Conflict[],
): UnitChange[] {
  const known = delivery === undefined ? () => null : lineIn(unitFiles(delivery));
  const [device] = fieldsOf(known(CRYPTTAB) ?? "").slice(1);
  const point = delivery?.mount?.point;
  const unit = cryptUnit(name);
  const isFor: Readonly<Record<string, TableWant["isFor"]>> = {
    [CRYPTTAB]: ([first, second]) => first === name || (device !== undefined && second === device),
    [FSTAB]: ([, where = "", , options = ""]) =>
      options.split(",").includes(`x-systemd.requires=${unit}`) ||
      (point !== undefined && where.replace(/\/+$/, "") === point),
  };
  return Object.entries(isFor).flatMap(([path, isFor]) => {
    const before = places.read(path);
    const [wanted, same] = [line(path), known(path)];
    const want = { path, name, line: wanted, isFor, force, ...(same === null ? {} : { known: same }) };
    const { after, hunks, conflicts: found } = editTable(before, want);
    conflicts.push(...found);
    return hunks.length === 0 ? [] : [{ path, before, after, hunks }];
  });
}

const lineIn =
  (files: readonly UnitFile[]) =>
  (path: string): string | null =>
    files.find((one) => one.kind === "line" && one.path === path)?.text.trimEnd() ?? null;

function gone(path: string, places: UnitPlaces): UnitChange {
  const before = places.read(path);
  return { path, before, after: null, hunks: [hunk(before, null)] };
}

function hunk(before: string | null, after: string | null): Hunk {
  const lines = (text: string | null): string[] => (text === null ? [] : text.trimEnd().split("\n"));
  return { line: 1, removed: lines(before), added: lines(after) };
}

function refuse(conflicts: readonly Conflict[]): void {
  if (conflicts.length === 0) return;
  const places = conflicts.map(
    ({ path, line, says }) => `${path}${line === undefined ? "" : ` line ${line}`}: ${says}`,
  );
  throw new KeywardError("conflict", places.join("; "), {
    hint: "nothing was written; take it out by hand, or put ours in its place: --force",
  });
}
