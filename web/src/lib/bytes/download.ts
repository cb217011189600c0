/** So long a browser has to begin with it. */
const beginMs = 60_000;

/** Hands bytes to the browser as a file. As bytes of no type: opened in another way they are no page of ours either. */
export function download(parts: BlobPart, name: string): void {
  const url = URL.createObjectURL(new Blob([parts], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), beginMs);
}
