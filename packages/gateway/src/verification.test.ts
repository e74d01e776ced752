import { encodePng } from "@rivulet/media";
import { expect, test } from "vitest";
import { verifyFiles } from "./verification.ts";

const owner = { url: "x", seed: 1 };
const file = { owner, key: "url", contentType: "image/png" } as const;
const picture = (side: number) => encodePng({ width: side, height: side, data: new Uint8Array(side * side * 3) });

test("a picture of the asked size is good, and one of unknown size too", async () => {
  const bytes = await picture(64);
  await verifyFiles({ files: 1, size: { width: 64, height: 64 } }, [{ file, bytes }]);
  await verifyFiles({ files: 1 }, [{ file, bytes }]);
});

test("of a picture of another size nothing but the header is read", async () => {
  const bytes = Buffer.from(await picture(64)).subarray(0, 40);
  bytes.writeUInt32BE(8192, 16);
  bytes.writeUInt32BE(8192, 20);
  await expect(verifyFiles({ files: 1, size: { width: 64, height: 64 } }, [{ file, bytes }])).rejects.toMatchObject({
    code: "peer.bad-result",
    facts: { reason: expect.stringContaining("8192 × 8192") },
  });
});
