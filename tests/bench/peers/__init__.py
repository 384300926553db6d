"""The reference policy written by hand, as an expert would with each library."""
