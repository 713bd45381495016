// What works without the server: keys, drawers, menus, copying, filling in, light and dark.
const box = () => document.querySelector('#question textarea');
const fill = text => {
  const area = box();
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(area, text);
  area.dispatchEvent(new Event('input', {bubbles: true}));
  area.focus();
};
const say = text => { document.getElementById('announcer').textContent = text; };
const wide = () => matchMedia('(min-width: 1000px)').matches;
const frame = () => document.getElementById('columns');  // Gradio's style sheets reach no further out
const show = (name, on) => {
  frame().classList.toggle(name, on);
  for (const button of document.querySelectorAll(`[data-local="${name}"]`)) button.setAttribute('aria-expanded', String(on));
};
const drawer = on => (wide() ? show('no-sidebar', !on) : show('sidebar-open', on));
const drawn = () => (wide() ? !frame().classList.contains('no-sidebar') : frame().classList.contains('sidebar-open'));

const local = {
  async copy(button) {
    if (!navigator.clipboard) return say('Browsers copy over https or on localhost only.');
    await navigator.clipboard.writeText(button.dataset.text);
    button.classList.add('done');
    say('Copied.');
    setTimeout(() => button.classList.remove('done'), 1500);
  },
  fill: button => fill(button.dataset.text),
  edit(button) {
    const message = button.closest('.message'), form = message.querySelector('form.edit'), area = form.querySelector('textarea');
    area.value = area.dataset.original;
    form.hidden = false;
    message.classList.add('editing');
    area.focus();
  },
  unedit(button) {
    button.closest('form').hidden = true;
    button.closest('.message').classList.remove('editing');
  },
  files: () => document.dispatchEvent(new CustomEvent('unabridged:choose', {detail: 'files'})),
  folder: () => document.dispatchEvent(new CustomEvent('unabridged:choose', {detail: 'folder'})),
  paste: () => document.getElementById('paste-text').showPopover(),
  git: () => document.getElementById('git-address').showPopover(),
  sidebar: () => drawer(!drawn()),
  'sidebar-open': () => drawer(!drawn()),
  'proof-open'() {
    const name = matchMedia('(min-width: 800px)').matches ? 'no-proof' : 'proof-open';
    show(name, !frame().classList.contains(name));
  },
  theme() {
    const dark = document.body.classList.toggle('dark');
    localStorage.setItem('unabridged-theme', dark ? 'dark' : 'light');
  },
};
document.addEventListener('click', event => {
  const button = event.target.closest('button[data-local]');
  if (button) {
    button.closest('[popover].menu')?.hidePopover();
    local[button.dataset.local]?.(button);
  }
  const done = event.target.closest('button[data-do]')?.dataset.do;
  if (done === 'cite') {
    if (matchMedia('(min-width: 800px)').matches) show('no-proof', false);
    else show('proof-open', true);
    requestAnimationFrame(() => document.querySelector('#viewer mark')?.scrollIntoView({block: 'center'}));
  }
  if ((done === 'open' || done === 'document') && !wide()) drawer(false);
});

document.addEventListener('toggle', event => {  // a menu stands beside its button
  const menu = event.target;
  if (event.newState !== 'open' || !menu.matches?.('[popover].menu')) return;
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`)?.getBoundingClientRect();
  if (!button) return;
  const {width, height} = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(button.left, innerWidth - width - 8));
  const below = button.bottom + 4 + height < innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${below ? button.bottom + 4 : Math.max(8, button.top - height - 4)}px`;
}, true);

document.addEventListener('keydown', event => {
  const command = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
  if (command && !event.shiftKey && key === 'k') {
    event.preventDefault();
    drawer(true);
    document.querySelector('#search textarea, #search input')?.focus();
  } else if ((command && event.shiftKey && key === 'o') || (event.altKey && key === 'n')) {
    event.preventDefault();
    document.querySelector('#new')?.click();
    box()?.focus();
  } else if (event.key === 'Escape') {
    const open = document.querySelector('[popover]:popover-open');
    if (open) return;
    if (!wide() && drawn()) drawer(false);
    else if (frame().classList.contains('proof-open')) show('proof-open', false);
    else document.querySelector('#stop')?.click();
  }
});

const kept = localStorage.getItem('unabridged-theme');
if (kept) document.body.classList.toggle('dark', kept === 'dark');
for (const [name, label] of [['sidebar', 'Conversations'], ['middle', 'Conversation'], ['proof', 'Sources']]) {
  const column = document.getElementById(name);
  column?.setAttribute('role', 'region');
  column?.setAttribute('aria-label', label);
}
document.getElementById('status')?.setAttribute('aria-live', 'polite');
document.documentElement.lang = 'en';
