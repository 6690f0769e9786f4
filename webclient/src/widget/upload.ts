// One file on its way to the gateway. XMLHttpRequest, because fetch does not tell how far an upload is.

/** The message of the error when trying again is of no use. */
const REFUSED = "no";

/** The gateway's answer. */
export interface Stored {
  id: string;
  name: string;
  type: string;
  size: number;
}

export function upload(
  url: string,
  token: string,
  file: File,
  stop: AbortSignal,
  progress: (share: number) => void,
): Promise<Stored> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.upload.onprogress = (e) => progress(e.loaded / e.total);
    request.onload = () => {
      try {
        const stored = JSON.parse(request.responseText) as Stored;
        if (request.status < 300 && stored.id) return resolve(stored);
      } catch {
        // a proxy's answer; the status says what there is to say
      }
      // 400 and 413: the gateway does not take such a file, however often it is tried.
      reject(new Error(request.status === 400 || request.status === 413 ? REFUSED : `status ${request.status}`));
    };
    request.onerror = request.onabort = () => reject(new Error("no connection"));
    stop.onabort = () => request.abort();
    request.send(file);
  });
}
