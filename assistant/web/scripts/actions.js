// Buttons with data-do and forms with data-do tell the server what they hold. Runs in a gr.HTML: element, trigger.
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-do]');
  if (!button || button.disabled) return;
  if (button.dataset.close) document.getElementById(button.dataset.close)?.hidePopover?.();
  trigger('click', {...button.dataset});
});
element.addEventListener('submit', event => {
  event.preventDefault();
  const form = event.target, data = {...form.dataset};
  for (const [name, value] of new FormData(form)) data[name] = value;
  if (data.close) document.getElementById(data.close)?.hidePopover?.();
  trigger('click', data);
  if ('clear' in form.dataset) form.reset();
});
