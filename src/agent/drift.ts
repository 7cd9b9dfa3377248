/**
 * Drift: files changed or removed behind the agent's back. The kernel tells of most of it at once (inotify, by
 * directory); since it may lose events, and a directory may be replaced, everything is looked at now and then too.
 */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { KeyName } from "../model/name.ts";
import type { Holdings } from "./holdings.ts";
import type { Installed } from "./installed.ts";

export interface Drift {
  readonly key: KeyName;
  readonly path: string;
  readonly found: "changed" | "removed";
}

export interface DriftWatch {
  /** Watch the directories of what is installed now, and no others. */
  follow(): void;
  /** What is not as it was put there: everywhere, or in the directories of which there was notice. */
  look(everywhere: boolean): Drift[];
  close(): void;
}

/** A program that writes a file makes several events: one look is enough. */
const SETTLE_MS = 250;

/** @param notice - Something happened in a directory: look. */
export function createDriftWatch(parts: {
  installed: Installed;
  holdings: Holdings;
  notice: () => void;
}): DriftWatch {
  const { installed, holdings, notice } = parts;
  const watched = new Map<string, { readonly file: string; readonly watcher: FSWatcher }>();
  const noticed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function soon(directory: string): void {
    noticed.add(directory);
    timer ??= setTimeout(() => {
      timer = undefined;
      notice();
    }, SETTLE_MS);
  }

  function start(directory: string, file: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => soon(directory));
      watcher.on("error", () => stop(directory));
      watched.set(directory, { file, watcher });
    } catch {
      // no more watches to be had (fs.inotify.max_user_watches): the look now and then has to do
    }
  }

  function stop(directory: string): void {
    watched.get(directory)?.watcher.close();
    watched.delete(directory);
  }

  return {
    follow() {
      const wanted = new Set([...installed.files.keys()].map((path) => dirname(path)));
      for (const directory of [...watched.keys()]) if (!wanted.has(directory)) stop(directory);
      for (const directory of wanted) {
        const file = identityOf(directory);
        if (watched.get(directory)?.file === file) continue;
        stop(directory);
        if (file !== null) start(directory, file);
      }
    },
    look(everywhere) {
      const files = [...installed.files.values()].filter(
        ({ current, next, path }) =>
          current !== null && next === null && (everywhere || noticed.has(dirname(path))),
      );
      noticed.clear();
      return files.flatMap((file): Drift[] => {
        const found = holdings.conditionOf(file);
        return found === "intact" ? [] : [{ key: file.key, path: file.path, found }];
      });
    },
    close() {
      clearTimeout(timer);
      for (const directory of [...watched.keys()]) stop(directory);
    },
  };
}

/** A directory that was replaced has to be watched anew. */
function identityOf(directory: string): string | null {
  const stats = statSync(directory, { throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.dev}:${stats.ino}`;
}
