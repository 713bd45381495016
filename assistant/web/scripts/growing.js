// The answer that is being written; its end is told to screen readers.
let busy = false;
watch('value', () => requestAnimationFrame(() => {
  document.dispatchEvent(new Event('unabridged:grown'));
  const now = Boolean(element.querySelector('[aria-busy]'));
  const told = document.getElementById('announcer');
  if (told && busy !== now) told.textContent = now ? 'The answer is being written.' : 'The answer is complete.';
  busy = now;
}));
