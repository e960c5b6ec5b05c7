// Reads the text of a photograph: node main.mjs [FOLDER] [PHOTO.png] prints it and writes boxes.png.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDevice, readPng, writePng } from "kernc/runtime";
import { openReader } from "./read.mjs";

const [folder = ".", photo = new URL("photo.png", import.meta.url)] = process.argv.slice(2);

const device = await openDevice("wasm");
const reader = await openReader(device);
const image = await readPng(await readFile(photo));
const lines = await reader.read(image);
for (const { text } of lines) console.log(text);
await writeFile(join(folder, "boxes.png"), await writePng(await reader.drawn(image, lines)));
device.close();
