/** What machines need, made once before the stories run: `node test/vm/prepare.ts`. */
import { makeDebian } from "./debian.ts";
import { makeInitramfs } from "./initramfs.ts";
import { fetchKernel } from "./kernel.ts";
import { fetchImageTools } from "./own-image.ts";

fetchKernel();
await makeInitramfs();
await makeDebian();
fetchImageTools();
