/** Small pictures beside words that say the same: nothing that has to be read out. */

function picture(path: string) {
  return () => (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={path} />
    </svg>
  );
}

export const VerifiedIcon = picture("M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12zM5.25 8.25 7.25 10.25 10.75 6");
export const DashIcon = picture("M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12zM5.5 8h5");
export const CheckIcon = picture("M3 8.5 6.5 12 13 4.5");
export const CopyIcon = picture("M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z");
export const SearchIcon = picture("M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9zM10.5 10.5 14 14");
export const WarningIcon = picture("M8 2 15 14H1zM8 6.5v3.5M8 12v.2");
