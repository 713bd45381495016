// Files, folders and drops: each file goes to the server, then one event says what arrived. Runs in a gr.HTML.
const [files, folder] = element.querySelectorAll('input[type=file]');
const told = element.querySelector('.told');
const most = 5000, lanes = 4;

const send = async list => {
  const chosen = list.filter(each => each.file.size || list.length === 1);
  if (!chosen.length) return;
  if (chosen.length > most) {
    told.textContent = `These are ${chosen.length} files; pack them into a zip, or give the git address.`;
    return;
  }
  const arrived = new Array(chosen.length);
  let next = 0, done = 0;
  const lane = async () => {
    while (next < chosen.length) {
      const at = next++;
      const {path} = await upload(chosen[at].file);
      arrived[at] = {path, name: chosen[at].name};
      told.textContent = `Sending ${++done} of ${chosen.length} …`;
    }
  };
  try {
    told.textContent = `Sending ${chosen.length === 1 ? chosen[0].name : `${chosen.length} files`} …`;
    await Promise.all(Array.from({length: Math.min(lanes, chosen.length)}, lane));
    told.textContent = '';
    trigger('click', {do: 'files', files: arrived});
  } catch (error) {
    told.textContent = `Sending failed (${String(error?.message ?? error).slice(0, 200)}); a file may be too large.`;
  }
};

const walk = async (entry, before) => {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad));
    return [{file, name: before + file.name}];
  }
  const reader = entry.createReader(), found = [];
  for (let some; (some = await new Promise((good, bad) => reader.readEntries(good, bad))).length;) found.push(...some);
  return (await Promise.all(found.map(each => walk(each, `${before}${entry.name}/`)))).flat();
};

files.addEventListener('change', () => { send([...files.files].map(file => ({file, name: file.name}))); files.value = ''; });
folder.addEventListener('change', () => {
  send([...folder.files].map(file => ({file, name: file.webkitRelativePath || file.name})));
  folder.value = '';
});
let inside = 0;
const dragged = event => event.dataTransfer && [...event.dataTransfer.types].includes('Files');
window.addEventListener('dragenter', event => { if (dragged(event)) { inside++; document.getElementById('columns').classList.add('dropping'); } });
window.addEventListener('dragleave', event => { if (dragged(event) && --inside <= 0) document.getElementById('columns').classList.remove('dropping'); });
window.addEventListener('dragover', event => { if (dragged(event)) event.preventDefault(); });
window.addEventListener('drop', async event => {
  if (!dragged(event)) return;
  event.preventDefault();
  inside = 0;
  document.getElementById('columns').classList.remove('dropping');
  const items = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files].map(file => ({file, name: file.name}));
  try {
    send(items.length ? (await Promise.all(items.map(entry => walk(entry, '')))).flat() : plain);
  } catch (error) {
    told.textContent = `A folder could not be opened (${String(error?.message ?? error).slice(0, 200)}); add it again.`;
  }
});
document.addEventListener('unabridged:choose', event => (event.detail === 'folder' ? folder : files).click());
