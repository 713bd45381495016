// A file that the server wrote is saved by the browser; nothing of it stays on the server.
watch('value', () => {
  if (!props.value) return;
  const file = JSON.parse(props.value);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([file.text], {type: file.type}));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
